//! Secrets in JSON: by the names of fields, and in every text.

use std::borrow::Cow;

use activity_domain::redact::REDACTED;
use serde_json::{Map, Value};

use super::names::{is_count, is_sensitive};
use super::{patterns, text};

/// What is nested deeper is taken out whole. Parsers take no more either.
const DEPTH: usize = 128;
/// A text may be JSON, in which a text may be JSON.
const TEXTS: usize = 3;

/// What is taken out may bring a name near what it names, so that a text is looked over again.
const PASSES: usize = 4;

/// The value without secrets. All else stays as it is and where it is.
pub fn clean(value: Value) -> Value {
    Place { depth: DEPTH, texts: TEXTS }.clean(value)
}

/// How much deeper it may go from here.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    texts: usize,
}

impl Place {
    fn clean(self, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            // A number that looks like a card's, for instance.
            Value::Number(ref number) => match patterns::clean(&number.to_string()) {
                Cow::Borrowed(_) => value,
                Cow::Owned(_) => REDACTED.into(),
            },
            Value::String(text) => match self.clean_text(&text) {
                Cow::Borrowed(_) => Value::String(text),
                Cow::Owned(clean) => Value::String(clean),
            },
            Value::Array(_) | Value::Object(_) if self.depth == 0 => REDACTED.into(),
            Value::Array(items) => items.into_iter().map(|item| self.deeper().clean(item)).collect(),
            Value::Object(fields) => Value::Object(self.deeper().clean_fields(fields)),
        }
    }

    fn deeper(self) -> Self {
        Self { depth: self.depth - 1, ..self }
    }

    fn clean_fields(self, fields: Map<String, Value>) -> Map<String, Value> {
        let named = names_a_secret(&fields);
        let clean = |(name, value): (String, Value)| {
            let name = patterns::clean(&name).into_owned();
            let is_secret = is_sensitive(&name) || named && name.eq_ignore_ascii_case("value");
            let value =
                if is_secret && may_be_secret(&name, &value) { REDACTED.into() } else { self.clean(value) };
            (name, value)
        };
        fields.into_iter().map(clean).collect()
    }

    fn clean_text(self, text: &str) -> Cow<'_, str> {
        if self.texts > 0
            && text.trim_start().starts_with(['{', '['])
            && let Ok(value) = serde_json::from_str::<Value>(text)
        {
            let clean = Self { texts: self.texts - 1, ..self }.clean(value.clone());
            return if clean == value { Cow::Borrowed(text) } else { Cow::Owned(clean.to_string()) };
        }
        let mut text = Cow::Borrowed(text);
        for _ in 0..PASSES {
            let clean = patterns::clean(&text);
            let clean = text::clean(&clean, |inner| self.holds_secret(inner));
            if clean == text {
                break;
            }
            text = Cow::Owned(clean.into_owned());
        }
        text
    }

    fn holds_secret(self, inner: &str) -> bool {
        self.texts > 0 && Self { texts: self.texts - 1, ..self }.clean_text(inner) != inner
    }
}

/// Lists of headers and cookies often have the form `{"name": "authorization", "value": ".."}`.
fn names_a_secret(fields: &Map<String, Value>) -> bool {
    let name = ["name", "key", "Name", "Key"].iter().find_map(|field| fields.get(*field)?.as_str());
    name.is_some_and(is_sensitive)
}

/// Nothing, yes, no and a count are no secrets.
fn may_be_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(_) => !is_count(name),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}
