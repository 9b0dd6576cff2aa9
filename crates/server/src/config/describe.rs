//! The effective settings for people: `activity-tracker config`.

use super::layers::RawSettings;
use super::secret::mask;
use super::table::{SETTINGS, Setting};

/// A setting as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// Its value; secrets masked, `(not set)` without one.
    pub value: String,
    /// Where the value came from: `default`, `activity-tracker.toml`, `.env` or `environment`.
    pub source: String,
    /// What it does.
    pub doc: &'static str,
}

/// All settings.
pub fn describe(raw: &RawSettings) -> Vec<Described> {
    let described = |setting: &Setting| {
        let (value, source) = match raw.get(setting.name) {
            Some(raw) if setting.secret => (mask(&raw.text), raw.source.clone()),
            Some(raw) => (raw.text.trim().escape_debug().to_string(), raw.source.clone()),
            None => ("(not set)".to_owned(), "default".to_owned()),
        };
        Described { name: setting.name, value, source, doc: setting.doc }
    };
    SETTINGS.iter().map(described).collect()
}

/// A table in columns, a setting a line.
pub fn render(settings: &[Described]) -> String {
    let widest = |text: fn(&Described) -> &str| settings.iter().map(|s| text(s).chars().count()).max();
    let names = widest(|s| s.name).unwrap_or(0);
    // One long value must not push everybody's documentation out of sight.
    let values = widest(|s| &s.value).unwrap_or(0).min(32);
    let sources = widest(|s| &s.source).unwrap_or(0);
    let row = |s: &Described| {
        let doc = s.doc;
        let row = format!("{:names$}  {:values$}  {:sources$}  {doc}", s.name, s.value, s.source);
        row.trim_end().to_owned() + "\n"
    };
    settings.iter().map(row).collect()
}
