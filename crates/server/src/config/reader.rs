//! Takes settings one by one and collects what is wrong with them.

use activity_domain::error::Invalid;

use super::error::{ConfigError, Problem};
use super::layers::{DEFAULT, Raw, RawSettings};
use super::table;

/// Why secrets have to be configured.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// In production nobody is to find out later that they were made up, and they have to be good.
    pub is_production: bool,
    /// Instances that share a database or limits have to share secrets, so that none can make its own.
    pub is_shared: bool,
}

impl Need {
    /// What is said where one is missing.
    fn reason(self, name: &str) -> Option<String> {
        let why = match self {
            Self { is_shared: true, .. } => "with Postgres or Redis, the same for all instances",
            Self { is_production: true, .. } => "in production",
            _ => return None,
        };
        let shape = match name {
            "ENCRYPTION_KEY" => "64 hexadecimal digits",
            _ => "at least 32 random characters",
        };
        Some(format!("must be {why}: {shape}, such as from `openssl rand -hex 32`"))
    }
}

/// The settings that are still to be taken, and the problems so far.
pub struct Reader {
    pub(super) raw: RawSettings,
    problems: Vec<Problem>,
}

impl Reader {
    /// Starts with what the layers gave.
    pub fn new(raw: RawSettings, problems: Vec<Problem>) -> Self {
        Self { raw, problems }
    }

    /// Takes a setting that may be missing. `None`: it is, or it does not fit and is noted.
    pub fn optional<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Invalid>) -> Option<T> {
        let Raw { text, source } = self.raw.remove(name)?;
        // Blanks around a secret may belong to it.
        let value = if table::is_secret(name) { text.as_str() } else { text.trim() };
        let parsed =
            if value.contains('\u{fffd}') { Err(Invalid::new("must be valid UTF-8")) } else { parse(value) };
        parsed.map_err(|reason| self.problems.push(Problem::value(name, value, &source, &reason))).ok()
    }

    /// Takes a setting that has to be there. `None`: a problem is noted.
    pub fn required<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Invalid>) -> Option<T> {
        if !self.raw.contains_key(name) {
            self.problems.push(Problem::missing(name, "must be"));
        }
        self.optional(name, parse)
    }

    /// Whether somebody has set it, and it is not only there by default.
    pub fn is_given(&self, name: &str) -> bool {
        self.raw.get(name).is_some_and(|raw| raw.source != DEFAULT)
    }

    /// Notes that a setting that is given does not go with the others.
    pub fn contradiction(&mut self, name: &str, reason: &str) {
        if let Some(Raw { text, source }) = self.raw.get(name) {
            self.problems.push(Problem::value(name, text.trim(), source, &Invalid::new(reason)));
        }
    }

    /// Takes a secret. `need` says whether and why it has to be there.
    pub fn secret<T>(
        &mut self,
        name: &str,
        need: Need,
        parse: impl Fn(&str, bool) -> Result<T, Invalid>,
    ) -> Option<T> {
        if let Some(reason) = need.reason(name).filter(|_| !self.raw.contains_key(name)) {
            self.problems.push(Problem::missing(name, &reason));
        }
        self.optional(name, |text| parse(text, need.is_production))
    }

    /// The result, if nothing was wrong.
    pub fn finish<T>(self, result: Option<T>) -> Result<T, ConfigError> {
        match result {
            Some(result) if self.problems.is_empty() => Ok(result),
            _ => Err(ConfigError(self.problems)),
        }
    }
}
