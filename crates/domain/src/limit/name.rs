//! What quotas are called.

use std::fmt;

use crate::error::Invalid;

/// A quota's name, which separates it from the others of a subject and stands in answers: 1 to 32
/// characters of `a-z 0-9 -`. It is copied with every decision, so it lies in place and not on the heap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaName([u8; MAX]);

const MAX: usize = 32;

impl QuotaName {
    /// A client's `rateLimit`.
    pub const DEFAULT: Self = Self::padded("default");
    /// What a client may read.
    pub const READS: Self = Self::padded("reads");
    /// What somebody who is not known may register.
    pub const REGISTRATIONS: Self = Self::padded("registrations");

    /// How often somebody who is not known may fail to authenticate.
    pub const FAILED_AUTHENTICATIONS: Self = Self::padded("failed-auth");

    /// Takes a name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > MAX || !name.bytes().all(legal) {
            return Err(Invalid::new("must be 1 to 32 characters of a-z 0-9 -"));
        }
        Ok(Self::padded(name))
    }

    /// With zeros behind it, which no name holds: equal names have equal bytes.
    const fn padded(name: &str) -> Self {
        let (name, mut bytes, mut index) = (name.as_bytes(), [0; MAX], 0);
        while index < name.len() && index < MAX {
            bytes[index] = name[index];
            index += 1;
        }
        Self(bytes)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == 0).unwrap_or(MAX);
        // It was made from a string, and cut nowhere.
        str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl fmt::Debug for QuotaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_come_back() {
        for bad in ["", "Default", "a b", "a:b", "a\0", "ä", "abcdefghijklmnopqrstuvwxyz-012345"] {
            assert!(QuotaName::parse(bad).is_err(), "{bad}");
        }
        for good in ["a", "per-day-2", "abcdefghijklmnopqrstuvwxyz-01234"] {
            assert_eq!(QuotaName::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(QuotaName::parse("default"), Ok(QuotaName::DEFAULT));
        assert_eq!(QuotaName::REGISTRATIONS.as_str(), "registrations");
    }
}
