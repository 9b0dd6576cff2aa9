//! The keys that the audit trail is encrypted with.

use std::fmt;

use activity_domain::error::Invalid;

use super::secret::refuse_weak;

/// `ENCRYPTION_KEY`: one key or more, of 256 bits each. The first encrypts, all of them decrypt. Their
/// debug output is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKeys {
    first: [u8; 32],
    others: Vec<[u8; 32]>,
}

/// More than anybody rotates through before old rows are gone.
const MOST: usize = 16;

impl EncryptionKeys {
    /// Takes keys of 64 hexadecimal digits, separated by commas.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let keys: Vec<[u8; 32]> = parts(text).map(key).collect::<Result<_, _>>()?;
        match keys.split_first() {
            Some((first, others)) if others.len() < MOST => {
                Ok(Self { first: *first, others: others.to_vec() })
            }
            _ => Err(Invalid::new(format!("must be 1 to {MOST} keys"))),
        }
    }

    /// The key that encrypts, and the others that decrypt.
    pub fn reveal(&self) -> (&[u8; 32], &[[u8; 32]]) {
        (&self.first, &self.others)
    }
}

impl fmt::Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKeys(..)")
    }
}

/// Takes the keys that somebody configured.
pub fn encryption_keys(text: &str, is_production: bool) -> Result<EncryptionKeys, Invalid> {
    let keys = EncryptionKeys::parse(text)?;
    if is_production {
        parts(text).try_for_each(refuse_weak)?;
    }
    Ok(keys)
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn key(hex: &str) -> Result<[u8; 32], Invalid> {
    let bad = || Invalid::new("must be 64 hexadecimal digits, or several such keys separated by commas");
    let digits: Option<Vec<u32>> = hex.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(bad)?;
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        // Two digits are at most 255.
        *byte = u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5";

    #[test]
    fn keys_are_64_digits_each() {
        let two = EncryptionKeys::parse(&format!("{GOOD}, {}", GOOD.to_uppercase())).unwrap();
        assert_eq!((two.first[..3].to_vec(), two.others[0]), (vec![0xf3, 0xa9, 0xc1], two.first));
        assert_eq!(format!("{two:?}"), "EncryptionKeys(..)");
        for bad in [
            "",
            ",",
            &GOOD[1..],
            &format!("{GOOD}0"),
            &format!("{GOOD},"),
            &"g".repeat(64),
            &[GOOD; 17].join(","),
        ] {
            assert!(EncryptionKeys::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn production_refuses_keys_that_are_none() {
        let zeros = "0".repeat(64);
        let example = "0123456789abcdef".repeat(4);
        for weak in [zeros.as_str(), &example, &"deadbeef".repeat(8), &format!("{GOOD},{zeros}")] {
            assert!(encryption_keys(weak, true).is_err() && encryption_keys(weak, false).is_ok(), "{weak}");
        }
        assert!(encryption_keys(GOOD, true).is_ok());
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in "(\\PC|[0-9a-f,]){0,140}") {
            let _ = encryption_keys(&text, true);
        }
    }
}
