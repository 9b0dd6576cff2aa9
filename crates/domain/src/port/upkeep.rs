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

    /// Takes away what must not stay: raw rows of erased clients, with whatever trace of them the store's
    /// files have, changes older than [`CHANGES_KEPT_SECONDS`](super::CHANGES_KEPT_SECONDS), used tickets
    /// [`TICKETS_KEPT_SECONDS`](super::TICKETS_KEPT_SECONDS) after their time, and acts
    /// [`ACTS_KEPT_SECONDS`](crate::act::ACTS_KEPT_SECONDS) after theirs. A bounded piece of it, and no
    /// answer depends on how far it has come.
    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError>;
}

/// What one call of [`Upkeep::purge`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Raw rows taken away.
    pub rows: u64,
    /// Whether there is more to do right away. What has to wait (for a reader who still sees the old
    /// state, say) is not more.
    pub more: bool,
}

/// What one call of [`Upkeep::compact`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Deltas folded.
    pub deltas: u64,
    /// Deltas that go on waiting, as far as was looked; `None`: nobody looked.
    pub waiting: Option<u64>,
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
