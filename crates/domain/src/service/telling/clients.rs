//! Clients and keys that changed.

use std::sync::Arc;

use async_trait::async_trait;

use crate::act::Signature;
use crate::client::{Client, ClientChange};
use crate::error::{AddKeyError, InsertError, StoreError, UpdateError};
use crate::id::{ClientId, KeyId};
use crate::key::{KeyDigest, KeyRecord};
use crate::live::Hint;
use crate::port::{Account, Changes, ClientRepo, LiveFeed, Read};
use crate::time::Timestamp;

/// A [`ClientRepo`] that tells a feed when it has listed a change, so that those who follow changes need not wait
/// until it is time to look.
pub struct TellingClients {
    repo: Arc<dyn ClientRepo>,
    feed: Arc<dyn LiveFeed>,
}

impl TellingClients {
    /// A repository beside a feed.
    pub fn new(repo: Arc<dyn ClientRepo>, feed: Arc<dyn LiveFeed>) -> Self {
        Self { repo, feed }
    }

    fn tell(&self) {
        self.feed.hint(&[Hint::Clients]);
    }
}

#[async_trait]
impl ClientRepo for TellingClients {
    fn signed(&self, by: Signature) -> Arc<dyn ClientRepo> {
        Arc::new(Self { repo: self.repo.signed(by), feed: self.feed.clone() })
    }

    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError> {
        self.repo.insert(client, key).await
    }

    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError> {
        self.repo.insert_missing(clients).await
    }

    async fn update(
        &self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError> {
        let updated = self.repo.update(id, change, now).await?;
        self.tell();
        Ok(updated)
    }

    async fn by_id(&self, id: &ClientId, read: Read) -> Result<Option<Client>, StoreError> {
        self.repo.by_id(id, read).await
    }

    async fn by_key(
        &self,
        digest: &KeyDigest,
        read: Read,
    ) -> Result<Option<(Client, KeyRecord)>, StoreError> {
        self.repo.by_key(digest, read).await
    }

    async fn account(&self, id: &ClientId, read: Read) -> Result<Option<Account>, StoreError> {
        self.repo.account(id, read).await
    }

    async fn list(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        read: Read,
    ) -> Result<Vec<Account>, StoreError> {
        self.repo.list(after, limit, read).await
    }

    async fn add_key(
        &self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError> {
        self.repo.add_key(id, key, overlap).await?;
        self.tell();
        Ok(())
    }

    async fn revoke_key(&self, id: &ClientId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let was_there = self.repo.revoke_key(id, key, now).await?;
        self.tell();
        Ok(was_there)
    }

    async fn erase(&self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        let was_there = self.repo.erase(id, anonymous, now).await?;
        self.feed.hint(&[Hint::Erased(id.clone())]);
        Ok(was_there)
    }

    async fn touch(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.repo.touch(uses).await
    }

    async fn changes_since(&self, version: u64) -> Result<Changes, StoreError> {
        self.repo.changes_since(version).await
    }
}
