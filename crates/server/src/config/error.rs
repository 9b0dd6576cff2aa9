//! What is wrong with the configuration, all of it at once.

use std::fmt;
use std::path::Path;

use activity_domain::error::Invalid;

use super::secret::mask;
use super::table;

/// The configuration cannot be used. Displays every problem on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub(super) Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}", problem.0))
    }
}

impl std::error::Error for ConfigError {}

/// One line of a [`ConfigError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    /// A setting's value does not fit.
    pub fn value(name: &str, text: &str, source: &str, reason: &Invalid) -> Self {
        let shown = if table::is_secret(name) { mask(text) } else { quote(text) };
        Self(format!("{name} = {shown} (from {source}) {reason}"))
    }

    /// A setting is missing.
    pub fn missing(name: &str, reason: &str) -> Self {
        Self(format!("{name} is not set and {reason}"))
    }

    /// A key of the file is not one of ours. Its value may be a secret under a mistyped name.
    pub fn unknown(key: &str, file: &str) -> Self {
        let key = key.escape_debug();
        let hint = table::nearest(&key.to_string());
        let hint = hint.map(|known| format!(": did you mean {known}?")).unwrap_or_default();
        Self(format!("{key} (from {file}) is not a known setting{hint}"))
    }

    /// A key of the file is known but cannot be taken.
    pub fn key(key: &str, file: &str, reason: &str) -> Self {
        Self(format!("{} (from {file}) {reason}", key.escape_debug()))
    }

    /// A whole file cannot be read.
    pub fn file(path: &Path, reason: impl fmt::Display) -> Self {
        Self(format!("{}: {reason}", path.display()))
    }
}

/// In quotes, without control characters, and not endless.
fn quote(text: &str) -> String {
    const SHOWN: usize = 120;
    let rest = if text.chars().nth(SHOWN).is_some() { "..." } else { "" };
    let start: String = text.chars().take(SHOWN).collect();
    format!("\"{}{rest}\"", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_line() {
        let long = format!("a\nb\u{1b}[31m{}", "x".repeat(500));
        let Problem(line) = Problem::value("PORT", &long, "environment", &Invalid::new("must be a port"));
        assert!(line.starts_with(r#"PORT = "a\nb\u{1b}[31mxxx"#), "{line}");
        assert!(line.ends_with(r#"x..." (from environment) must be a port"#), "{line}");
        assert!(line.len() < 200);
    }
}
