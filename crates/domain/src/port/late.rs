//! What changed in a store that several instances write to, where others take it for closed.

use async_trait::async_trait;

use crate::cache::{LateChange, Position};
use crate::error::StoreError;
use crate::time::Timestamp;

/// Tells what changed late, whoever did it. Whoever asks from position to position is told of each change once it
/// has come about, and misses none.
#[async_trait]
pub trait LateFeed: Send + Sync {
    /// What changed late since a position; with `None`, what of that is still known.
    async fn late_since(&self, since: Option<&Position>) -> Result<Late, StoreError>;
}

/// What changed late.
///
/// A change to a quarter hour that ends at or before [`Self::at`] is late, and told, if its number is not below
/// [`Position::open`]: so what ends before it can change unseen only by changes that are still on their way.
#[derive(Debug, Clone)]
pub struct Late {
    /// Where the store stood when it was asked.
    pub position: Position,
    /// What its clock showed then, or a moment before.
    pub at: Timestamp,
    /// The changes.
    pub changes: Vec<LateChange>,
    /// `None`: they are all since the position that was given. Otherwise they are all from this number on, and what
    /// changed before is not known: the position is too old, or of another history, or none was given.
    pub from: Option<u64>,
}
