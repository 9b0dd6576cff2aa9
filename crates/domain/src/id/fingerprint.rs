//! What is kept of a client's id where the id itself must not stay.

use std::fmt;

use sha2::{Digest, Sha256};

use super::ClientId;

/// SHA-256 of a client's id: recognises the client when it comes again, and does not name it. Where
/// changes and erased clients are listed, this stands for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// A client's.
    pub fn of(id: &ClientId) -> Self {
        Self(Sha256::digest(id.as_str().as_bytes()).into())
    }
}

/// The first bytes, in hexadecimal: enough to tell two of them apart.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "Fingerprint({first:02x}{second:02x}{third:02x}..)")
    }
}
