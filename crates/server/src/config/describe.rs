//! The effective settings for people: `activity-tracker config`.

use super::layers::RawSettings;
use super::secret::mask;
use super::table::{NOT_YET, SETTINGS};

/// A setting as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// Its value; secrets masked, `(not set)` without one.
    pub value: String,
    /// Where the value came from: `default`, `activity-tracker.toml`, `.env` or `environment`.
    pub source: String,
    /// What it does; `None` for a setting without effect in this build.
    pub doc: Option<&'static str>,
}

/// Everything that has an effect, then what is set without having one.
pub fn describe(raw: &RawSettings) -> Vec<Described> {
    let read = SETTINGS.iter().map(|setting| (setting.name, setting.secret, Some(setting.doc)));
    let later = NOT_YET.iter().filter(|later| raw.contains_key(later.name));
    let later = later.map(|later| (later.name, later.secret, None));
    read.chain(later)
        .map(|(name, is_secret, doc)| {
            let (value, source) = match raw.get(name) {
                Some(raw) if is_secret => (mask(&raw.text), raw.source.clone()),
                Some(raw) => (raw.text.trim().escape_debug().to_string(), raw.source.clone()),
                None => ("(not set)".to_owned(), "default".to_owned()),
            };
            Described { name, value, source, doc }
        })
        .collect()
}

/// A table in columns, a setting a line.
pub fn render(settings: &[Described]) -> String {
    let widest = |text: fn(&Described) -> &str| settings.iter().map(|s| text(s).chars().count()).max();
    let names = widest(|s| s.name).unwrap_or(0);
    // One long value must not push everybody's documentation out of sight.
    let values = widest(|s| &s.value).unwrap_or(0).min(32);
    let sources = widest(|s| &s.source).unwrap_or(0);
    let row = |s: &Described| {
        let doc = s.doc.unwrap_or_default();
        let row = format!("{:names$}  {:values$}  {:sources$}  {doc}", s.name, s.value, s.source);
        row.trim_end().to_owned() + "\n"
    };
    let (later, read): (Vec<_>, Vec<_>) = settings.iter().partition(|s| s.doc.is_none());
    let mut text: String = read.into_iter().map(row).collect();
    if !later.is_empty() {
        text.push_str("\nSet, but without effect in this build:\n");
        text.extend(later.into_iter().map(row));
    }
    text
}
