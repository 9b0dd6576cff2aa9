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

    /// Drops raw rows of before an instant, a bounded number of them. From the first call on, what is older
    /// is discarded by [`super::ActivitySink::append`] too, so that a dropped row cannot come in again and
    /// count twice. The instant never moves back. Counts stay.
    async fn retain(&self, from: Timestamp) -> Result<Retained, StoreError>;
}

/// What one call of [`Upkeep::compact`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Deltas folded.
    pub deltas: u64,
    /// Whether more may be waiting.
    pub more: bool,
}

/// What one call of [`Upkeep::retain`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Raw rows dropped.
    pub dropped: u64,
    /// Whether more may have to go.
    pub more: bool,
}
