//! Keeps what must not lie about in clear.

use crate::audit::Sealed;
use crate::error::{Invalid, Unopened};

/// Seals bytes with a key and opens them again. Two seals of the same bytes differ.
pub trait Vault: Send + Sync {
    /// Seals bytes for one place, which the context names; they open nowhere else. Refuses what would
    /// be longer than [`Sealed::MAX`].
    fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid>;

    /// What everything begins with that is sealed with the key that seals now, and nothing that is sealed with
    /// another.
    fn mark(&self) -> Vec<u8>;

    /// Opens what was sealed for this place.
    fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Vec<u8>, Unopened>;
}
