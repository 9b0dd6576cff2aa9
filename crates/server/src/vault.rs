//! AES-256-GCM over the keys of `ENCRYPTION_KEY`: the first seals, each opens what it has sealed.
//!
//! A blob is `version | key id | nonce | ciphertext and tag`. The nonce is random, which one key allows
//! for 2^32 blobs; whoever seals more changes keys before. Version, key id and context are authenticated
//! with it.

use std::sync::Arc;

use activity_domain::audit::Sealed;
use activity_domain::error::{Invalid, Unopened};
use activity_domain::port::{Randomness, Vault};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use sha2::{Digest, Sha256};

use crate::config::EncryptionKeys;
use crate::secrets::hex;

const VERSION: u8 = 1;
const ID: usize = 8;
const NONCE: usize = 12;
/// Bytes before the nonce, which are authenticated.
const HEAD: usize = 1 + ID;

/// A vault whose keys are in memory.
pub struct AesVault {
    first: Key,
    others: Vec<Key>,
    randomness: Arc<dyn Randomness>,
}

struct Key {
    id: [u8; ID],
    cipher: Aes256Gcm,
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        let digest = Sha256::digest(bytes);
        let mut id = [0; ID];
        id.copy_from_slice(&digest[..ID]);
        Self { id, cipher: Aes256Gcm::new(&(*bytes).into()) }
    }
}

impl AesVault {
    /// A vault with these keys.
    pub fn new(keys: &EncryptionKeys, randomness: Arc<dyn Randomness>) -> Self {
        let (first, others) = keys.reveal();
        Self { first: Key::new(first), others: others.iter().map(Key::new).collect(), randomness }
    }
}

impl Vault for AesVault {
    fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid> {
        let mut nonce = [0; NONCE];
        self.randomness.fill(&mut nonce);
        let mut blob = self.mark();
        blob.reserve(NONCE + plaintext.len() + 16);
        let payload = Payload { msg: plaintext, aad: &[&blob, context].concat() };
        let sealed = self.first.cipher.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| Invalid::new("is too long to be encrypted"))?;
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&sealed);
        Sealed::parse(blob)
    }

    fn mark(&self) -> Vec<u8> {
        [&[VERSION], &self.first.id[..]].concat()
    }

    fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (head, rest) = sealed.as_bytes().split_at_checked(HEAD).ok_or(Unopened::Altered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Altered)?;
        let (&VERSION, id) = head.split_first().ok_or(Unopened::Altered)? else {
            return Err(Unopened::Altered);
        };
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        let key = keys.find(|key| key.id == id).ok_or_else(|| Unopened::NoKey(hex(id)))?;
        let payload = Payload { msg: sealed, aad: &[head, context].concat() };
        key.cipher.decrypt(&(*nonce).into(), payload).map_err(|_| Unopened::Altered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::OsRandomness;
    use proptest::prelude::*;

    const A: &str = "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5";
    const B: &str = "0b7ed1c9f8423a6655e0917dc24fb83aa19c3f60d7e85b2417c9046fe3ba58d2";

    fn vault(keys: &str) -> AesVault {
        AesVault::new(&EncryptionKeys::parse(keys).unwrap(), Arc::new(OsRandomness))
    }

    #[test]
    fn keys_rotate() {
        let old = vault(A).seal(b"c4n4ry", b"x").unwrap();
        let both = vault(&format!("{B},{A}"));
        assert_eq!(both.open(&old, b"x"), Ok(b"c4n4ry".to_vec()));
        let new = both.seal(b"c4n4ry", b"x").unwrap();
        assert_eq!(vault(B).open(&new, b"x"), Ok(b"c4n4ry".to_vec()), "the first seals");
        assert!(new.as_bytes().starts_with(&both.mark()) && !old.as_bytes().starts_with(&both.mark()));
        let Err(Unopened::NoKey(id)) = vault(B).open(&old, b"x") else { panic!("opened without its key") };
        assert_eq!(id, hex(&Sha256::digest(bytes(A))[..ID]));
        assert!(matches!(vault(A).open(&new, b"x"), Err(Unopened::NoKey(_))));
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// The known answer of a widely used test vector (case 16 of those that came with GCM), so that other programs
    /// with the key open what this one seals.
    #[test]
    fn it_is_the_cipher_that_it_says() {
        let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
        let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";
        let cipher = Key::new(&bytes(key).try_into().unwrap()).cipher;
        let nonce: [u8; NONCE] = bytes("cafebabefacedbaddecaf888").try_into().unwrap();
        let payload = Payload { msg: &bytes(plain), aad: &bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2") };
        assert_eq!(cipher.encrypt(&nonce.into(), payload).unwrap(), bytes(sealed));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let vault = vault(A);
        let most = Sealed::MAX - HEAD - NONCE - 16;
        assert!(vault.seal(&vec![0; most], b"").is_ok());
        assert!(vault.seal(&vec![0; most + 1], b"").is_err());
    }

    proptest! {
        #[test]
        fn it_opens_as_it_was_and_only_where_it_was(
            plain in prop::collection::vec(any::<u8>(), 0..200), place in "[a-z]{0,8}", other in "[a-z]{0,8}",
            at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<prop::sample::Index>(),
        ) {
            let vault = vault(A);
            let sealed = vault.seal(&plain, place.as_bytes()).unwrap();
            prop_assert_eq!(vault.open(&sealed, place.as_bytes()), Ok(plain.clone()));
            prop_assert_ne!(&sealed, &vault.seal(&plain, place.as_bytes()).unwrap());
            if other != place {
                prop_assert_eq!(vault.open(&sealed, other.as_bytes()), Err(Unopened::Altered));
            }
            let mut bytes = sealed.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(vault.open(&Sealed::parse(bytes.clone()).unwrap(), place.as_bytes()).is_err());
            bytes.truncate(1 + cut.index(bytes.len() - 1));
            prop_assert!(vault.open(&Sealed::parse(bytes).unwrap(), place.as_bytes()).is_err());
        }
    }
}
