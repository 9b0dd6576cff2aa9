//! Takes settings one by one and collects what is wrong with them.

use activity_domain::error::Invalid;

use super::error::{ConfigError, Problem};
use super::layers::{Raw, RawSettings};
use super::table::{self, NOT_YET};

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

    /// Takes a secret, which has to be there in production.
    pub fn secret<T>(
        &mut self,
        name: &str,
        is_production: bool,
        parse: impl Fn(&str, bool) -> Result<T, Invalid>,
    ) -> Option<T> {
        if is_production && !self.raw.contains_key(name) {
            let reason =
                "must be in production: at least 32 random characters, such as from `openssl rand -hex 32`";
            self.problems.push(Problem::missing(name, reason));
        }
        self.optional(name, |text| parse(text, is_production))
    }

    /// Goes over the settings of features that this build does not have.
    pub fn not_yet(&mut self) {
        let reason = Invalid::new("must not be set: this build has only the embedded store");
        for later in NOT_YET {
            let Some(raw) = self.raw.remove(later.name) else { continue };
            if later.refused {
                self.problems.push(Problem::value(later.name, &raw.text, &raw.source, &reason));
            }
        }
    }

    /// The result, if nothing was wrong.
    pub fn finish<T>(self, result: Option<T>) -> Result<T, ConfigError> {
        match result {
            Some(result) if self.problems.is_empty() => Ok(result),
            _ => Err(ConfigError(self.problems)),
        }
    }
}
