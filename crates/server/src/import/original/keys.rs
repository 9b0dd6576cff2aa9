//! API keys as the original keeps them: AES-256-GCM, as `iv:tag:data` in hexadecimal.

use std::path::Path;

use activity_domain::error::Invalid;
use activity_domain::key::ApiKey;
use aes_gcm::aead::Aead;
use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit, Nonce};

use crate::Failure;
use crate::cli::OriginalOptions;
use crate::config::{EncryptionKeys, Settings};

const TAG: usize = 16;

/// What opens them: the original's `ENCRYPTION_KEY`, or several that it had.
pub struct Ring(Vec<[u8; 32]>);

impl Ring {
    /// From the file or variable that the options name, or else from this program's own settings. `None`: no key is
    /// known, or none is wanted.
    pub fn find(options: &OriginalOptions, settings: &Settings) -> Result<Option<Self>, Failure> {
        if options.without_keys {
            return Ok(None);
        }
        let text = match (&options.original_key_file, &options.original_key_env) {
            (Some(file), _) => Some((file.display().to_string(), read(file)?)),
            (None, Some(name)) => Some((name.clone(), variable(name)?)),
            (None, None) => None,
        };
        let keys = match text {
            Some((place, text)) => {
                Some(EncryptionKeys::parse(text.trim()).map_err(|why| format!("the key in {place} {why}"))?)
            }
            None => settings.encryption_keys.clone(),
        };
        Ok(keys.as_ref().map(Self::of))
    }

    fn of(keys: &EncryptionKeys) -> Self {
        let (first, others) = keys.reveal();
        Self(std::iter::once(first).chain(others).copied().collect())
    }

    /// Opens a key. The error ends the sentence "its key ...".
    pub fn open(&self, sealed: &str) -> Result<ApiKey, Invalid> {
        let form = || Invalid::new("is not iv:tag:data in hexadecimal");
        let parts: Option<Vec<Vec<u8>>> = sealed.trim().split(':').map(bytes).collect();
        let [iv, tag, data] = <[_; 3]>::try_from(parts.ok_or_else(form)?).map_err(|_| form())?;
        if tag.len() != TAG || !matches!(iv.len(), 12 | 16) {
            return Err(Invalid::new("has not an iv of 12 or 16 bytes and a tag of 16"));
        }
        let sealed = [data, tag].concat();
        let plain = self.0.iter().find_map(|key| match iv.len() {
            12 => opened::<U12>(key, &iv, &sealed),
            _ => opened::<U16>(key, &iv, &sealed),
        });
        let plain = plain.ok_or_else(|| Invalid::new("does not open with the ENCRYPTION_KEY"))?;
        let text = String::from_utf8(plain).map_err(|_| Invalid::new("is not text"))?;
        ApiKey::parse(&text)
    }
}

/// `None`: it was sealed with another key, or somebody has changed it.
fn opened<N: ArraySize>(key: &[u8; 32], iv: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let cipher = AesGcm::<Aes256, N>::new(&(*key).into());
    cipher.decrypt(<&Nonce<N>>::try_from(iv).ok()?, sealed).ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let is_even = digits.len().is_multiple_of(2);
    is_even.then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("the environment has no {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "8d1f0c5be2a94763b0d58e21f7c6934a5be07d18c29f4036ad7e51b8340cf962";
    const OTHER: &str = "1b5c9fe27d3a460882c4d9e05f617ab3c8240ed9715b6fa3e8079c1d42b6e50f";
    /// Made with the crypto module of Node 20 under [`KEY`]; an iv of 16 bytes, and one of 12.
    const SEALED: [(&str, &str); 2] = [
        (
            "a1b2c3d4e5f60718293a4b5c5d6e7f80:a0854956b9b1878cd6c075a229093912:\
             0885f56a0703a92f646218dce7ca66a3110b2b4ef87c34a3",
            "sk_live_5f2d8c0be7a14c39",
        ),
        (
            "0102030405060708090a0b0c:47043c6df25e212aecbcb7cfd4ce4c21:\
             d905fa25d9d072846a6a1edb45af0377893b407c1b4e0c2627f6b49bfef7c2e7",
            "3c9e1f70b2d84a5690c7e4d1b8f2a635",
        ),
    ];

    fn ring(keys: &str) -> Ring {
        Ring::of(&EncryptionKeys::parse(keys).unwrap())
    }

    #[test]
    fn what_the_original_has_sealed_opens() {
        for (sealed, plain) in SEALED {
            assert_eq!(ring(KEY).open(sealed).unwrap().reveal(), plain);
            assert_eq!(ring(KEY).open(&sealed.to_uppercase()).unwrap().reveal(), plain);
            assert_eq!(ring(&format!("{OTHER},{KEY}")).open(sealed).unwrap().reveal(), plain);
            assert!(ring(OTHER).open(sealed).unwrap_err().0.contains("does not open"));
        }
    }

    #[test]
    fn what_somebody_has_changed_does_not() {
        for (sealed, _) in SEALED {
            for at in sealed.char_indices().filter(|(_, c)| *c != ':').map(|(at, _)| at) {
                let digit = if sealed.as_bytes()[at] == b'0' { "1" } else { "0" };
                let changed = format!("{}{digit}{}", &sealed[..at], &sealed[at + 1..]);
                assert!(ring(KEY).open(&changed).unwrap_err().0.contains("does not open"), "{at}");
            }
        }
    }

    #[test]
    fn other_forms_are_told_from_wrong_keys() {
        let (sealed, _) = SEALED[0];
        let (head, data) = sealed.rsplit_once(':').unwrap();
        let (iv, tag) = head.split_once(':').unwrap();
        for bad in [
            "",
            "an-api-key-in-clear",
            head,
            &sealed[1..],
            &format!("{sealed}:00"),
            &format!("{iv}:{}:{data}", &tag[2..]),
            &format!("{}:{tag}:{data}", &iv[2..]),
            &sealed.replacen('a', "\u{e4}", 1),
        ] {
            let reason = ring(KEY).open(bad).unwrap_err().0;
            assert!(!reason.contains("does not open"), "{bad}: {reason}");
        }
    }

    proptest! {
        #[test]
        fn junk_never_panics(junk in "(\\PC|[0-9a-f:]){0,120}") {
            let _ = ring(KEY).open(&junk);
        }
    }
}
