//! Limits that a client has besides its `rateLimit`.

use thiserror::Error;

use super::RateLimit;
use crate::activity::Endpoint;
use crate::error::Invalid;
use crate::limit::{Charges, Quota, QuotaName, Window};

/// What a client's own limit is called: a quota's name that is not the program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitName(QuotaName);

impl LimitName {
    const RESERVED: [QuotaName; 4] =
        [QuotaName::DEFAULT, QuotaName::READS, QuotaName::REGISTRATIONS, QuotaName::FAILED_AUTHENTICATIONS];

    /// Takes a name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let name = QuotaName::parse(name)?;
        if Self::RESERVED.contains(&name) {
            return Err(Invalid::new("must not be default, reads, registrations or failed-auth"));
        }
        Ok(Self(name))
    }

    /// The name as a quota's.
    pub fn quota(self) -> QuotaName {
        self.0
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The beginning of a path, up to the border of a segment: `/export` is that of `/export` and of
/// `/export/x`, not of `/exports`. At most 256 bytes, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointPrefix(Box<str>);

impl EndpointPrefix {
    /// Takes a path; slashes at its end are dropped. `/` is the beginning of every path.
    pub fn parse(path: &str) -> Result<Self, Invalid> {
        if !path.starts_with('/') || path.len() > 256 {
            return Err(Invalid::new("must be a path of at most 256 bytes that begins with /"));
        }
        if path.contains(['?', '#']) || path.chars().any(char::is_control) {
            return Err(Invalid::new("must not have a query, a fragment or control characters"));
        }
        match path.trim_end_matches('/') {
            "" => Ok(Self("/".into())),
            trimmed => Ok(Self(trimmed.into())),
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an endpoint begins with it. Senders may leave out the slash at an endpoint's beginning, and
    /// are not to get around a limit that way.
    pub fn matches(&self, endpoint: &Endpoint) -> bool {
        self.begins(endpoint.as_str())
    }

    /// The same for a path, or a template of paths.
    pub fn begins(&self, path: &str) -> bool {
        let [prefix, path] = [&self.0, path].map(|text| text.strip_prefix('/').unwrap_or(text));
        let rest = path.strip_prefix(prefix);
        prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A limit for events, beside `rateLimit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimit {
    /// What it is called.
    pub name: LimitName,
    /// Events per window.
    pub limit: RateLimit,
    /// How long the window is.
    pub window: Window,
    /// Where it counts; everywhere if not given.
    pub endpoint: Option<EndpointPrefix>,
    /// It counts and reports, and refuses nothing.
    pub shadow: bool,
}

impl ClientLimit {
    /// The limit as a quota.
    pub fn quota(&self) -> Quota {
        Quota { name: self.name.quota(), limit: self.limit, window: self.window, shadow: self.shadow }
    }
}

/// The limits of a client besides its `rateLimit`: at most seven, with different names, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientLimits(Vec<ClientLimit>);

/// Limits that a client cannot have together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidLimits {
    /// Too many.
    #[error("must be at most {} limits", ClientLimits::MAX)]
    TooMany,
    /// Two have one name.
    #[error("is the name of another limit")]
    SameName {
        /// The index of the second.
        index: usize,
    },
}

impl ClientLimits {
    /// The most limits that a client may have: with `rateLimit`, as many as a call may be charged for.
    pub const MAX: usize = Charges::MAX - 1;

    /// Takes limits, in the order in which answers speak of them.
    pub fn parse(limits: Vec<ClientLimit>) -> Result<Self, InvalidLimits> {
        if limits.len() > Self::MAX {
            return Err(InvalidLimits::TooMany);
        }
        let is_named_before = |index: &usize| limits[..*index].iter().any(|l| l.name == limits[*index].name);
        match (1..limits.len()).find(is_named_before) {
            Some(index) => Err(InvalidLimits::SameName { index }),
            None => Ok(Self(limits)),
        }
    }

    /// The limits, in order.
    pub fn as_slice(&self) -> &[ClientLimit] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_the_border_of_a_segment() {
        let matches = |prefix: &str, endpoint: &str| {
            EndpointPrefix::parse(prefix).unwrap().matches(&Endpoint::parse(endpoint).unwrap())
        };
        for (prefix, endpoint) in [
            ("/export", "/export"),
            ("/export", "/export/x"),
            ("/export", "/export/"),
            ("/export/", "/export"),
            ("/a/b", "https://api.example.org/a/b/c?d=/e"),
            ("/ä", "/ä/ö"),
            ("/", "/"),
            ("/", "/x"),
            ("/", "x"),
            ("/", "*"),
            ("/export", "export"),
            ("/export", "export/x"),
        ] {
            assert!(matches(prefix, endpoint), "{prefix} {endpoint}");
        }
        for (prefix, endpoint) in [
            ("/export", "/exports"),
            ("/export", "/expor"),
            ("/export/x", "/export"),
            ("/export", "/v1/export"),
            ("/export", "/Export"),
            ("/export", "exports"),
            ("/export", "//export"),
        ] {
            assert!(!matches(prefix, endpoint), "{prefix} {endpoint}");
        }
    }

    #[test]
    fn prefixes_are_checked_and_come_back() {
        let long = format!("/{}", "x".repeat(256));
        for bad in ["", "export", "/a?b", "/a#b", "/a\0", "/a\nb", &long] {
            assert!(EndpointPrefix::parse(bad).is_err(), "{bad:?}");
        }
        for (given, kept) in [("/", "/"), ("//", "/"), ("/a//", "/a"), (&long[..256], &long[..256])] {
            let prefix = EndpointPrefix::parse(given).unwrap();
            assert_eq!(prefix.as_str(), kept);
            assert_eq!(EndpointPrefix::parse(kept), Ok(prefix));
        }
    }

    #[test]
    fn limits_are_few_and_have_names_of_their_own() {
        let limit = |name: &str| ClientLimit {
            name: LimitName::parse(name).unwrap(),
            limit: RateLimit::parse(1).unwrap(),
            window: Window::MINUTE,
            endpoint: None,
            shadow: false,
        };
        let all = ["a", "b", "c", "d", "e", "f", "g", "h"].map(limit).to_vec();
        assert_eq!(ClientLimits::parse(all[..7].to_vec()).map(|limits| limits.as_slice().len()), Ok(7));
        assert_eq!(ClientLimits::parse(all), Err(InvalidLimits::TooMany));
        let twice = ["a", "b", "a"].map(limit).to_vec();
        assert_eq!(ClientLimits::parse(twice), Err(InvalidLimits::SameName { index: 2 }));
        for reserved in ["default", "reads", "registrations", "failed-auth", "", "A"] {
            assert!(LimitName::parse(reserved).is_err(), "{reserved}");
        }
    }
}
