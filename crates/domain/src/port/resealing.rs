//! Changing the key that things are sealed with.

use async_trait::async_trait;

use crate::error::StoreError;

/// A store that holds sealed things.
pub trait SealedStore: Send + Sync {
    /// Begins to seal everything that is there with the key that seals now. Others may go on with the store
    /// meanwhile, and it may be given up at any time: what is done is done, and another beginning finds it so.
    fn resealing(&self) -> Box<dyn Resealing>;
}

/// The way through a store.
#[async_trait]
pub trait Resealing: Send {
    /// Does the next piece, of a fraction of a second. Where it fails, it may be tried again.
    async fn step(&mut self) -> Result<Resealed, StoreError>;
}

/// What a piece was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    /// Audit trails that were sealed anew.
    pub trails: u64,
    /// Emails that were.
    pub emails: u64,
    /// Things that do not open, which were left as they are.
    pub unopened: u64,
    /// Whether there are more pieces.
    pub more: bool,
}
