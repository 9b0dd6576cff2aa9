//! What was set aside: looked at, and taken away once it is dealt with.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::StoreError;
use crate::id::StreamId;

/// A record that could not be stored, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAside {
    /// Its number in this store; never given out twice.
    pub no: u64,
    /// The stream that it came with.
    pub stream: StreamId,
    /// Its bytes in the spool.
    pub payload: Bytes,
    /// Why it was refused.
    pub reason: String,
}

/// Records that a sink has set aside.
#[async_trait]
pub trait SetAsideRepo: Send + Sync {
    /// Those with a higher number, lowest first, at most so many.
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<KeptAside>, StoreError>;

    /// Takes one away for good. False if it was not there.
    async fn remove(&self, no: u64) -> Result<bool, StoreError>;
}
