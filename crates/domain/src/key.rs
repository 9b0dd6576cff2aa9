//! API keys: `atk_<keyId>_<secret>_<crc32>`.
//!
//! The secret has 256 random bits, so a plain SHA-256 of the whole key is as good at rest as any slow
//! hash and finds its row in one look-up. The checksum tells a typo from a wrong key without asking
//! the store, and lets secret scanners recognise a leaked one.

use std::fmt;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::error::Invalid;
use crate::id::KeyId;
use crate::port::Randomness;
use crate::time::Timestamp;

mod wish;

pub use wish::{KeyLifetime, KeyOverlap, KeyWish};

const PREFIX: &str = "atk_";

/// A key as its owner holds it. It is shown once and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Makes a new key.
    pub fn generate(randomness: &dyn Randomness) -> (KeyId, Self) {
        let mut id = [0; 12];
        let mut secret = [0; 32];
        randomness.fill(&mut id);
        randomness.fill(&mut secret);
        let id = KeyId::from_bits(id);
        let mut text = format!("{PREFIX}{}_{}", id.as_str(), hex(&secret));
        let crc = crc32fast::hash(text.as_bytes());
        // Writing to a string cannot fail.
        let _ = write!(text, "_{crc:08x}");
        (id, Self(text))
    }

    /// Takes a key that somebody presents or configures: 16 to 256 visible ASCII characters. Keys
    /// with our prefix must have our shape; others may come from elsewhere and are taken as they are.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if !(16..=256).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::new("must be 16 to 256 visible ASCII characters"));
        }
        if text.starts_with(PREFIX) && !has_checksum(text) {
            return Err(Invalid::new("is not a complete key: its checksum does not match"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What a store keeps of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The id inside the key, or one derived from the digest for keys of another shape.
    pub fn id(&self) -> KeyId {
        let inside = self.0.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        inside.and_then(|id| KeyId::parse(id).ok()).unwrap_or_else(|| {
            let mut bits = [0; 12];
            bits.copy_from_slice(&self.digest().0[..12]);
            KeyId::from_bits(bits)
        })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

fn has_checksum(text: &str) -> bool {
    let Some((body, crc)) = text.rsplit_once('_') else { return false };
    let parts = body.split('_').count();
    crc.len() == 8 && parts == 3 && u32::from_str_radix(crc, 16) == Ok(crc32fast::hash(body.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// SHA-256 of a whole key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// What is kept about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public id.
    pub id: KeyId,
    /// How it is found.
    pub digest: KeyDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; from then on it lets nobody in. `None`: it does not end.
    pub expires_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Whether it has ended.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Fixed(u8);
    impl Randomness for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_generated_key_parses_and_names_its_id() {
        let (id, key) = ApiKey::generate(&Fixed(7));
        assert_eq!(ApiKey::parse(key.reveal()).unwrap().id(), id);
        assert_eq!(key.reveal().len(), 4 + 12 + 1 + 64 + 1 + 8);
        assert!(!format!("{key:?}").contains(&key.reveal()[20..40]));
    }

    #[test]
    fn keys_of_another_shape_are_taken_as_they_are() {
        let key = ApiKey::parse("0123456789abcdef-legacy").unwrap();
        assert_eq!(key.id(), key.id());
        assert!(ApiKey::parse("short").is_err());
        assert!(ApiKey::parse("with a blank in the middle").is_err());
    }

    proptest! {
        #[test]
        fn a_changed_character_breaks_the_checksum(at in 4usize..90, seed in any::<u8>()) {
            let (_, key) = ApiKey::generate(&Fixed(seed));
            let mut bytes = key.reveal().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            prop_assert!(ApiKey::parse(std::str::from_utf8(&bytes).unwrap()).is_err());
        }

        #[test]
        fn junk_never_panics(text in ".{0,300}") {
            let _ = ApiKey::parse(&text).map(|key| key.id());
            let _ = ApiKey::parse(&format!("atk_{text}"));
        }
    }
}
