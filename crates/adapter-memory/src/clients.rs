//! Clients and their keys.

use activity_domain::client::Client;
use activity_domain::error::{InsertError, StoreError};
use activity_domain::id::ClientId;
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{ClientRepo, Read};
use async_trait::async_trait;

use crate::store::MemoryStore;

#[async_trait]
impl ClientRepo for MemoryStore {
    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError> {
        let mut state = self.reach()?;
        if client.email.is_some() && state.clients.values().any(|other| other.email == client.email) {
            return Err(InsertError::EmailTaken);
        }
        let same_key = |key: &KeyRecord| {
            state.keys.values().any(|(_, other)| other.id == key.id || other.digest == key.digest)
        };
        if state.clients.contains_key(&client.id) || key.is_some_and(same_key) {
            return Err(InsertError::IdTaken);
        }
        state.clients.insert(client.id.clone(), client.clone());
        if let Some(key) = key {
            state.keys.insert(key.digest, (client.id.clone(), key.clone()));
        }
        Ok(())
    }

    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError> {
        let mut state = self.reach()?;
        if clients.iter().any(|client| client.email.is_some()) {
            return Err(InsertError::EmailTaken);
        }
        let before = state.clients.len();
        for client in clients {
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
}
