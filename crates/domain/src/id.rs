//! A newtype for every id.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::error::Invalid;

mod fingerprint;

pub use fingerprint::Fingerprint;

/// Identifies a client: 1 to 64 characters of `A-Z a-z 0-9 . _ -`. Ids made here look like `CL-7f3k...`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// How the ids of erased clients begin.
pub const ANONYMOUS: &str = "anon-";

const BASE32: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl ClientId {
    /// Parses an id; the charset keeps it safe in paths, headers and CSV.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > 64 || !text.bytes().all(legal) {
            return Err(Invalid::new("must be 1 to 64 characters of A-Z a-z 0-9 . _ -"));
        }
        Ok(Self(text.into()))
    }

    /// The id that these 80 bits stand for: random ones for a registration, a digest's for an
    /// import that has to find the same client again.
    pub fn from_bits(bits: [u8; 10]) -> Self {
        Self::spelled("CL-", bits)
    }

    /// The id under which the counts of an erased client stay, from 80 random bits.
    pub fn anonymous(bits: [u8; 10]) -> Self {
        Self::spelled(ANONYMOUS, bits)
    }

    /// Whether it is the id of an erased client.
    pub fn is_anonymous(&self) -> bool {
        self.as_str().starts_with(ANONYMOUS)
    }

    fn spelled(prefix: &str, bits: [u8; 10]) -> Self {
        let mut text = String::with_capacity(prefix.len() + 16);
        text.push_str(prefix);
        for chunk in bits.chunks(5) {
            let word = chunk.iter().fold(0u64, |acc, b| acc << 8 | u64::from(*b));
            for i in (0..8).rev() {
                text.push(char::from(BASE32[(word >> (5 * i) & 31) as usize]));
            }
        }
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifies an activity within its client and instant; the sender may choose it, which makes a retry harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityId(pub Uuid);

/// Identifies one opening of a spool (or one run of an import). Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub Uuid);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// Identifies a ticket for a stream. Never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub Uuid);

/// Identifies an API key without giving it away: 12 lower-case letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Parses an id as it stands in a key or a path.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if text.len() == 12 && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("must be 12 lower-case letters and digits"))
        }
    }

    /// The id that these bits stand for.
    pub fn from_bits(bits: [u8; 12]) -> Self {
        Self(bits.iter().map(|b| char::from(BASE32[usize::from(b & 31)])).collect())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_refuse_what_would_need_quoting() {
        for bad in ["", "a b", "a/b", "ä", "=1", &"x".repeat(65)] {
            assert!(ClientId::parse(bad).is_err(), "{bad}");
        }
        assert!(ClientId::parse("CL-1_a.b").is_ok());
    }

    #[test]
    fn different_bits_make_different_ids() {
        let a = ClientId::from_bits([0; 10]);
        let b = ClientId::from_bits([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(a.as_str().len(), 19);
        assert_ne!(a, b);
        assert_eq!(ClientId::parse(a.as_str()), Ok(a));
    }
}
