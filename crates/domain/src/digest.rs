//! Digests that take a key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 of a text under a key. Whoever lacks the key cannot try texts until one fits.
pub fn keyed(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    // A key that is shorter than a block of the hash is filled up with zeros.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fourth test case of RFC 4231 has a key of 25 bytes; filled up with zeros it is one of 32.
    #[test]
    fn it_is_the_function_that_it_says() {
        let mut key = [0; 32];
        for (byte, value) in key.iter_mut().zip(1..=25) {
            *byte = value;
        }
        let digest = keyed(&key, &[0xcd; 50]);
        assert_eq!(digest[..8], [0x82, 0x55, 0x8a, 0x38, 0x9a, 0x44, 0x3c, 0x0e]);
        assert_ne!(digest, keyed(&[7; 32], &[0xcd; 50]));
    }
}
