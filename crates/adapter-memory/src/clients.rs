//! Clients and their keys.

use std::sync::Arc;

use activity_domain::act::{Act, Signature};
use activity_domain::client::{Client, ClientChange};
use activity_domain::error::{AddKeyError, InsertError, StoreError, UpdateError};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{Account, Changes, ClientRepo, Read};
use activity_domain::time::Timestamp;
use async_trait::async_trait;

use crate::store::MemoryStore;

#[async_trait]
impl ClientRepo for MemoryStore {
    fn signed(&self, by: Signature) -> Arc<dyn ClientRepo> {
        Arc::new(Self { state: self.state.clone(), signature: Some(by) })
    }

    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError> {
        let mut state = self.reach()?;
        if client.email.is_some() && state.clients.values().any(|other| other.email == client.email) {
            return Err(InsertError::EmailTaken);
        }
        let is_known = state.clients.contains_key(&client.id) || state.is_erased(&client.id);
        if is_known || key.is_some_and(|key| state.has_key(key)) {
            return Err(InsertError::IdTaken);
        }
        state.clients.insert(client.id.clone(), client.clone());
        if let Some(key) = key {
            state.keys.insert(key.digest, (client.id.clone(), key.clone()));
        }
        state.write_down(self.signature.as_ref(), Act::registered(client, key));
        Ok(())
    }

    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError> {
        let mut state = self.reach()?;
        if clients.iter().any(|client| client.email.is_some()) {
            return Err(InsertError::EmailTaken);
        }
        let before = state.clients.len();
        for client in clients {
            if state.is_erased(&client.id) {
                continue;
            }
            state.clients.entry(client.id.clone()).or_insert_with(|| client.clone());
        }
        Ok((state.clients.len() - before) as u64)
    }

    async fn by_id(&self, id: &ClientId, _: Read) -> Result<Option<Client>, StoreError> {
        Ok(self.reach()?.clients.get(id).cloned())
    }

    async fn by_key(&self, digest: &KeyDigest, _: Read) -> Result<Option<(Client, KeyRecord)>, StoreError> {
        let state = self.reach()?;
        let Some((id, key)) = state.keys.get(digest) else { return Ok(None) };
        Ok(state.clients.get(id).map(|client| (client.clone(), key.clone())))
    }

    async fn update(
        &self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError> {
        let mut state = self.reach()?;
        let before = state.clients.get(id).cloned();
        let updated = state.update(id, change, now)?;
        if let (Some(before), Some(after)) = (before, &updated) {
            state.write_down(self.signature.as_ref(), Act::changed(&before, after, change));
        }
        Ok(updated)
    }

    async fn account(&self, id: &ClientId, _: Read) -> Result<Option<Account>, StoreError> {
        let account = self.reach()?.account(id);
        // The answer is on its way; what happens meanwhile, it does not know.
        self.pass().await;
        Ok(account)
    }

    async fn list(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        _: Read,
    ) -> Result<Vec<Account>, StoreError> {
        let state = self.reach()?;
        let from = state.clients.keys().filter(|id| after.is_none_or(|after| *id > after));
        Ok(from.take(limit).filter_map(|id| state.account(id)).collect())
    }

    async fn add_key(
        &self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError> {
        let mut state = self.reach()?;
        state.add_key(id, key, overlap)?;
        state.write_down(self.signature.as_ref(), Act::issued(id, key, overlap));
        Ok(())
    }

    async fn revoke_key(&self, id: &ClientId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.reach()?;
        let revoked = state.revoke_key(id, key, now);
        if revoked {
            state.write_down(self.signature.as_ref(), Act::revoked(id, key));
        }
        Ok(revoked)
    }

    async fn erase(&self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.reach()?;
        let erased = state.erase(id, anonymous, now)?;
        if erased {
            state.write_down(self.signature.as_ref(), Act::erased(id));
        }
        Ok(erased)
    }

    async fn touch(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.reach()?.touch(uses);
        Ok(())
    }

    async fn changes_since(&self, version: u64) -> Result<Changes, StoreError> {
        Ok(self.reach()?.changes_since(version))
    }
}
