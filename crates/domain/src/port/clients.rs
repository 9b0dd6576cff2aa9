//! Clients and their keys.

use async_trait::async_trait;

use super::Read;
use crate::client::Client;
use crate::error::{InsertError, StoreError};
use crate::id::ClientId;
use crate::key::{KeyDigest, KeyRecord};

/// Clients and their keys.
#[async_trait]
pub trait ClientRepo: Send + Sync {
    /// Adds a client, with its first key or none.
    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError>;

    /// Adds those of some clients whose ids are new, without keys, and says how many those were: what
    /// an import needs for each of its batches. Of two new ones with one id, the first stays. They
    /// must not have emails; one that has is refused and none is added.
    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError>;

    /// Finds a client.
    async fn by_id(&self, id: &ClientId, read: Read) -> Result<Option<Client>, StoreError>;

    /// Finds a key and whose it is.
    async fn by_key(&self, digest: &KeyDigest, read: Read)
    -> Result<Option<(Client, KeyRecord)>, StoreError>;
}
