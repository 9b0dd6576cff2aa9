//! Clients and their keys.

use std::sync::Arc;

use async_trait::async_trait;

use super::Read;
use crate::act::Signature;
use crate::client::{Client, ClientChange};
use crate::error::{AddKeyError, InsertError, StoreError, UpdateError};
use crate::id::{ClientId, Fingerprint, KeyId};
use crate::key::{KeyDigest, KeyRecord};
use crate::time::Timestamp;

/// How many keys that have not ended a client may have.
pub const MAX_KEYS: usize = 20;
/// How long changes are kept for those who follow them.
pub const CHANGES_KEPT_SECONDS: i64 = 3_600;

/// Clients and their keys.
///
/// Whatever is changed, revoked or erased is also listed as a change, in the same transaction, for those
/// who remember clients. A new client is no change: nobody can remember what was not there.
#[async_trait]
pub trait ClientRepo: Send + Sync {
    /// The same repository in the name of an admin: what [`insert`](Self::insert), [`update`](Self::update),
    /// [`add_key`](Self::add_key), [`revoke_key`](Self::revoke_key) and [`erase`](Self::erase) do to clients is
    /// written into the [`ActLog`](super::ActLog) in the same transaction, both or neither. What is refused, or
    /// finds nothing to do, is not written.
    fn signed(&self, by: Signature) -> Arc<dyn ClientRepo>;

    /// Adds a client, with its first key or none. The id of an erased client counts as taken.
    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError>;

    /// Adds those of some clients whose ids are new, without keys, and says how many those were: what
    /// an import needs for each of its batches. Of two new ones with one id, the first stays; ids of
    /// erased clients are passed over. They must not have emails; one that has is refused and none is
    /// added.
    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError>;

    /// Changes a client, all of it or nothing, and gives it back as it is then; `None` if there is none.
    async fn update(
        &self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError>;

    /// Finds a client.
    async fn by_id(&self, id: &ClientId, read: Read) -> Result<Option<Client>, StoreError>;

    /// Finds a key and whose it is, also one that has ended.
    async fn by_key(&self, digest: &KeyDigest, read: Read)
    -> Result<Option<(Client, KeyRecord)>, StoreError>;

    /// Finds a client with all its keys.
    async fn account(&self, id: &ClientId, read: Read) -> Result<Option<Account>, StoreError>;

    /// So many clients with all their keys, in the order of their ids' bytes, from the first one after
    /// an id on.
    async fn list(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        read: Read,
    ) -> Result<Vec<Account>, StoreError>;

    /// Gives a client another key. With an overlap, the client's other keys end at that instant, if they
    /// would live longer. Keys that have ended by the time the new one is made are forgotten; of those
    /// that have not, with the new one, there may be [`MAX_KEYS`].
    async fn add_key(
        &self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError>;

    /// Takes a key away from a client; false if it does not have it.
    async fn revoke_key(&self, id: &ClientId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError>;

    /// Erases a client: identity and keys are gone when this returns, raw rows are shown nowhere any more
    /// and go with [`Upkeep::purge`](super::Upkeep::purge), and its counts stay under the anonymous id.
    /// What still arrives of it is discarded from then on. False if there is no such client.
    async fn erase(&self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError>;

    /// Notes when keys were last used, and with them their clients. An earlier time than the one that is
    /// there changes nothing, nor does a key that is not known. This is no change to be listed.
    async fn touch(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError>;

    /// Which clients changed after a version, oldest change first; up to 1,000 changes a call. A client
    /// may be named more than once. The first version is 0. Always asks for the latest.
    async fn changes_since(&self, version: u64) -> Result<Changes, StoreError>;
}

/// A client with all its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The client.
    pub client: Client,
    /// When one of its keys was last used.
    pub last_access_at: Option<Timestamp>,
    /// Its keys, oldest first, then by id; those that have ended lately, too.
    pub keys: Vec<HeldKey>,
}

/// A key and its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// The key.
    pub record: KeyRecord,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// What changed about clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// These clients, by their fingerprints.
    Since {
        /// Whose.
        clients: Vec<Fingerprint>,
        /// Where to go on.
        version: u64,
        /// Whether there are more to be had at once.
        more: bool,
    },
    /// Changes since that version are not kept any more, or it is not one of this store (which may have
    /// been put back to an earlier state): all that was remembered may be wrong.
    TooOld {
        /// Where to go on.
        version: u64,
    },
}
