//! Where an error of serde is, and what it says, for a reader who sees the field and not the text.

use std::fmt::Display;

use serde_path_to_error::{Error, Segment};

use crate::problem::brief;

/// An error with its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Located {
    /// The names and indexes that lead to it; empty for the value itself.
    pub path: Vec<String>,
    /// What is wrong there.
    pub detail: String,
}

impl Located {
    /// Finds the place. Missing fields and those that are given twice are errors of the object around them,
    /// which name the field in words.
    pub fn of<E: Display>(error: &Error<E>) -> Self {
        let message = brief(error.inner());
        let message = message.split(" at line ").next().unwrap_or_default();
        let mut path: Vec<String> = error.path().iter().filter_map(segment).collect();
        if message.starts_with("unknown field `") {
            return Self { path, detail: "is not a known field".to_owned() };
        }
        for (prefix, says) in [("missing field `", "is missing"), ("duplicate field `", "is given twice")] {
            if let Some(rest) = message.strip_prefix(prefix) {
                path.extend(rest.split('`').next().map(str::to_owned));
                return Self { path, detail: says.to_owned() };
            }
        }
        Self { path, detail: plain(message) }
    }

    /// As a JSON pointer in a fragment (RFC 6901).
    pub fn pointer(&self) -> String {
        self.path.iter().fold("#".to_owned(), |text, name| text + "/" + &escaped(name))
    }
}

/// A name as a JSON pointer has it.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(brief(key)),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// A parser's message without the names of Rust's types.
fn plain(message: &str) -> String {
    let types = [("i64", "a whole number"), ("u64", "a whole number, 0 or more"), ("f64", "a number")];
    let message = message.replace("invalid digit found in string", "must be a whole number");
    types.iter().fold(message, |text, (name, says)| {
        text.replace(&format!("expected {name}"), &format!("expected {says}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read into")]
    struct Outer {
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read into")]
    struct Inner {
        number: i64,
    }

    fn located(json: &str) -> (String, String) {
        let mut json = serde_json::Deserializer::from_str(json);
        let located = Located::of(&serde_path_to_error::deserialize::<_, Outer>(&mut json).unwrap_err());
        (located.pointer(), located.detail)
    }

    #[test]
    fn pointers_name_the_field_and_messages_stay_short() {
        let at = |pointer: &str, detail: &str| (pointer.to_owned(), detail.to_owned());
        assert_eq!(located("{}"), at("#/list", "is missing"));
        assert_eq!(located(r#"{"list":[{"number":1},{}]}"#), at("#/list/1/number", "is missing"));
        assert_eq!(located(r#"{"a/b.c~":1}"#), at("#/a~1b.c~0", "is not a known field"));
        assert_eq!(located(r#"{"list":[],"list":[]}"#), at("#/list", "is given twice"));
        let (pointer, detail) = located(r#"{"list":[{"number":1.5}]}"#);
        assert_eq!(pointer, "#/list/0/number");
        assert!(detail.contains("expected a whole number"), "{detail}");
        let long = "x".repeat(100_000);
        for json in [format!(r#"{{"{long}":1}}"#), format!(r#"{{"list":[{{"number":"{long}"}}]}}"#)] {
            let (pointer, detail) = located(&json);
            assert!(pointer.len() < 200 && detail.len() < 200, "{pointer} {detail}");
        }
    }
}
