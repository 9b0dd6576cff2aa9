//! The layers, lowest first: defaults, `activity-tracker.toml`, `.env`, environment.
//!
//! Every layer becomes text by canonical name here, without its empty values; figment puts them on top
//! of each other and remembers which value came from where.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::dotenv;
use super::error::Problem;
use super::sources::Sources;
use super::table::{self, SETTINGS};

const FILE: &str = "activity-tracker.toml";
const DOTENV: &str = ".env";
const ENVIRONMENT: &str = "environment";
/// The name of the layer that nobody has written.
pub const DEFAULT: &str = "default";

/// A setting's text and where it came from.
#[derive(Clone)]
pub struct Raw {
    /// The text; never empty.
    pub text: String,
    /// The name of its layer.
    pub source: String,
}

/// The settings that have a value, by name.
pub type RawSettings = BTreeMap<&'static str, Raw>;

/// Reads all layers. What is wrong with a file goes to `problems`.
pub fn read(sources: &Sources, problems: &mut Vec<Problem>) -> RawSettings {
    let given = Figment::new()
        .merge(file_layer(&sources.dir.join(FILE), problems))
        .merge(dotenv_layer(&sources.dir.join(DOTENV), problems))
        .merge(Layer::new(ENVIRONMENT, sources.env.iter()));
    // Some defaults depend on this setting, so it is looked up before they exist.
    let other_name = || {
        let Raw { text, source } = find(&given, "NODE_ENV")?;
        Some(Raw { text, source: format!("{source}, as NODE_ENV") })
    };
    let app_env = find(&given, "APP_ENV").or_else(other_name);
    let is_production =
        app_env.as_ref().is_some_and(|raw| raw.text.trim().eq_ignore_ascii_case("production"));
    let presets = SETTINGS.iter().filter_map(|setting| {
        let text = setting.preset.text(is_production, sources.is_terminal)?;
        Some((setting.name, text))
    });
    let all = given.join(Layer::new(DEFAULT, presets));
    let mut raw: RawSettings = table::names().filter_map(|name| Some((name, find(&all, name)?))).collect();
    if let Some(app_env) = app_env {
        raw.insert("APP_ENV", app_env);
    }
    raw
}

fn find(figment: &Figment, name: &str) -> Option<Raw> {
    let text = figment.find_value(name).ok()?.into_string()?;
    let source = figment.find_metadata(name).map(|layer| layer.name.clone().into_owned());
    Some(Raw { text, source: source.unwrap_or_default() })
}

/// One layer as figment takes it.
struct Layer {
    source: &'static str,
    values: Dict,
}

impl Layer {
    /// Keeps the known names that have a value; of equal names the first.
    fn new<K: AsRef<str>, V: AsRef<str>>(
        source: &'static str,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut values = Dict::new();
        for (name, text) in pairs {
            let (name, text) = (name.as_ref(), text.as_ref());
            if !text.trim().is_empty() && table::names().any(|known| known == name) {
                values.entry(name.to_owned()).or_insert_with(|| Value::from(text));
            }
        }
        Self { source, values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn dotenv_layer(path: &Path, problems: &mut Vec<Problem>) -> Layer {
    // A folder of this name is some other tool's, such as Python's virtual environments.
    let text = if path.is_dir() { None } else { text_of(path, problems) };
    let (pairs, broken) = dotenv::read(&text.unwrap_or_default());
    problems.extend(broken.into_iter().map(|line| {
        Problem::file(path, format_args!("line {} must have the form NAME=value; blanks need quotes", line.0))
    }));
    Layer::new(DOTENV, pairs)
}

fn file_layer(path: &Path, problems: &mut Vec<Problem>) -> Layer {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for (key, value) in file_values(path, problems) {
        let Some(name) = table::names().find(|name| key == *name || key == name.to_ascii_lowercase()) else {
            problems.push(Problem::unknown(&key, FILE));
            continue;
        };
        if pairs.iter().any(|(other, _)| *other == name) {
            problems.push(Problem::key(name, FILE, "must not be given twice, in upper and in lower case"));
        }
        match plain(&value) {
            Some(text) => pairs.push((name, text)),
            None => problems.push(Problem::key(name, FILE, "must be a text, a number or a list of these")),
        }
    }
    Layer::new(FILE, pairs)
}

fn file_values(path: &Path, problems: &mut Vec<Problem>) -> Dict {
    let text = text_of(path, problems).unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match Toml::string(text).data() {
        Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
        Err(error) => {
            problems.push(Problem::file(path, without_excerpt(&error.to_string())));
            Dict::new()
        }
    }
}

/// The parser's message shows the line that it is about, which may hold a secret. Keeps the place
/// before the excerpt and the reason after it.
fn without_excerpt(message: &str) -> String {
    let place = message.lines().next().and_then(|line| line.strip_prefix("TOML parse error at "));
    match (place, message.rsplit_once("^\n")) {
        (Some(place), Some((_, reason))) => format!("{place}: {}", reason.trim().replace('\n', ", ")),
        _ => "must be a TOML file".to_owned(),
    }
}

/// A value as it would stand in the environment; lists become comma separated.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, yes) => Some(yes.to_string()),
        Value::Num(_, number) => {
            let whole = number.to_i128().map(|n| n.to_string());
            whole
                .or_else(|| number.to_u128().map(|n| n.to_string()))
                .or_else(|| number.to_f64().map(|n| n.to_string()))
        }
        Value::Array(_, values) => {
            values.iter().map(plain).collect::<Option<Vec<_>>>().map(|all| all.join(","))
        }
        Value::Char(..) | Value::Empty(..) | Value::Dict(..) => None,
    }
}

/// A file's text, if there is such a file.
fn text_of(path: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            problems.push(Problem::file(path, format_args!("cannot be read: {error}")));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_named_without_its_content() {
        const CANARY: &str = "c4n4ry";
        for text in [
            format!("jwt_secret = \"{CANARY}"),
            format!("jwt_secret = {CANARY}"),
            format!("jwt_secret {CANARY}"),
            format!("port = 1\njwt_secret = \"{CANARY}^\" x"),
            format!("jwt_secret = \"{CANARY}\"\njwt_secret = \"{CANARY}\""),
            format!("jwt_secret = '''{CANARY}\n{CANARY}^\n"),
            format!("jwt_secret = \"{CANARY}\\q\""),
            format!("jwt_secret = [\"{CANARY}\""),
        ] {
            let error = Toml::string(&text).data().unwrap_err().to_string();
            let shown = without_excerpt(&error);
            assert!(shown.starts_with("line ") && !shown.contains(CANARY), "{text}: {shown}");
        }
    }
}
