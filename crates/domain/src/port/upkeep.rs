//! A store's housekeeping.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::time::Timestamp;

/// A store's housekeeping.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Folds waiting deltas into blocks, a bounded number of them. Answers never depend on it; their
    /// speed does.
    async fn compact(&self, now: Timestamp) -> Result<Compacted, StoreError>;
}

/// What one call of [`Upkeep::compact`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Deltas folded.
    pub deltas: u64,
    /// Whether more may be waiting.
    pub more: bool,
}
