//! What admins did.

use async_trait::async_trait;

use super::Read;
use crate::act::{Act, ActQuery, Entry, Signature};
use crate::error::StoreError;

/// A log of what admins did. It is only added to; [`Upkeep::purge`](super::Upkeep::purge) forgets entries
/// [`ACTS_KEPT_SECONDS`](crate::act::ACTS_KEPT_SECONDS) after their time, and nothing else does.
///
/// What is done to clients and keys is written by [`ClientRepo::signed`](super::ClientRepo::signed).
#[async_trait]
pub trait ActLog: Send + Sync {
    /// Writes an act by itself: for what is done outside the store. To be called before it is done, so that
    /// nothing is done without an entry; an entry may then be of something that failed.
    async fn note(&self, by: &Signature, act: &Act) -> Result<(), StoreError>;

    /// The entries that are asked for, newest first.
    async fn acts(&self, query: &ActQuery, read: Read) -> Result<Vec<Entry>, StoreError>;
}
