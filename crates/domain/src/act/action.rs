//! Kinds of acts, and the requests that they were done in.

use std::fmt;

use crate::error::Invalid;
use crate::redact::holds_secret;

/// A kind of act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client was registered.
    ClientRegister,
    /// A client was changed.
    ClientChange,
    /// A client was erased.
    ClientErase,
    /// A client was given a key.
    KeyIssue,
    /// A key was taken from a client.
    KeyRevoke,
    /// What a client has spent of its limits was to be forgotten.
    RateLimitReset,
    /// The cache was to be warmed.
    CachePrewarm,
    /// A record that was set aside was to be offered to the store again.
    SetAsideReplay,
    /// A record that was set aside was to be dropped.
    SetAsideDrop,
    /// A spool was to be drained.
    SpoolDrain,
    /// Other secrets were to be those of all instances.
    SecretsAccept,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ClientRegister,
        Self::ClientChange,
        Self::ClientErase,
        Self::KeyIssue,
        Self::KeyRevoke,
        Self::RateLimitReset,
        Self::CachePrewarm,
        Self::SetAsideReplay,
        Self::SetAsideDrop,
        Self::SpoolDrain,
        Self::SecretsAccept,
    ];

    /// Its name in answers and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRegister => "client.register",
            Self::ClientChange => "client.change",
            Self::ClientErase => "client.erase",
            Self::KeyIssue => "key.issue",
            Self::KeyRevoke => "key.revoke",
            Self::RateLimitReset => "rate-limit.reset",
            Self::CachePrewarm => "cache.prewarm",
            Self::SetAsideReplay => "set-aside.replay",
            Self::SetAsideDrop => "set-aside.drop",
            Self::SpoolDrain => "spool.drain",
            Self::SecretsAccept => "secrets.accept",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|action| action.as_str() == name);
        found.ok_or_else(|| Invalid::new(format!("must be one of {}", names())))
    }
}

/// The id of a request: 1 to 128 characters of `A-Z a-z 0-9 - _ . :`, and no key or token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Takes an id.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        if !(1..=128).contains(&text.len()) || !text.bytes().all(legal) || holds_secret(text) {
            return Err(Invalid::new("must be 1 to 128 characters of A-Z a-z 0-9 - _ . : and no secret"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_are_different() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Ok(action));
        }
        assert!(Action::parse("client").is_err());
    }

    #[test]
    fn request_ids_are_checked() {
        let long = "x".repeat(129);
        let key = format!("atk_abcdefghijkm_{}_00000000", "a".repeat(43));
        for bad in ["", "a b", "a\n", "ä", &long, &key] {
            assert!(RequestId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(RequestId::parse("a-1_b.c:d").unwrap().as_str(), "a-1_b.c:d");
    }
}
