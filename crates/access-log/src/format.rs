//! The formats of access logs, by name.

use std::fmt;
use std::str::FromStr;

use activity_domain::error::Invalid;

/// How the lines of a log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Whichever of the others the log's first readable line is in.
    #[default]
    Auto,
    /// `host ident user [time] "request" status bytes`, the Common Log Format.
    Common,
    /// `common` followed by `"referer" "user agent"`. Further quoted fields, such as the
    /// `"$http_x_forwarded_for"` of nginx's stock `main` format, are read over.
    Combined,
    /// `combined` followed by how long the answer took: with a decimal point in seconds (nginx's
    /// `$request_time`), without one in microseconds (Apache's `%D`), or `-`.
    CombinedDuration,
    /// A JSON object on every line, as nginx, Caddy or Apache write them under their usual names.
    Json,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Common, Self::Combined, Self::CombinedDuration, Self::Json];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Common => "common",
            Self::Combined => "combined",
            Self::CombinedDuration => "combined-duration",
            Self::Json => "json",
        }
    }
}

impl FromStr for Format {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Invalid::new(format!("must be one of {}", Self::ALL.map(Self::name).join(", "))))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back_and_errors_list_them() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "apache".parse::<Format>().unwrap_err();
        assert_eq!(error.0, "must be one of auto, common, combined, combined-duration, json");
    }
}
