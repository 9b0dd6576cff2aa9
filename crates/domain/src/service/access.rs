//! Who is calling, from an in-process cache in front of the store.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::client::{Client, Role};
use crate::error::AccessError;
use crate::id::{ClientId, KeyId};
use crate::key::{ApiKey, KeyDigest};
use crate::port::{ClientRepo, Read};

/// How many keys and clients are remembered. The rest costs a look-up in the store.
const REMEMBERED: usize = 100_000;

/// A caller that has been let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client as the store has it.
    pub client: Arc<Client>,
    /// The key that it came with, or that its token was made from.
    pub key: KeyId,
}

impl Caller {
    /// The caller's role.
    pub fn role(&self) -> Role {
        self.client.role
    }
}

/// Lets callers in by key or by token. What is in the cache goes on working while the store is out
/// of reach; what is not gets [`AccessError::Store`], which is not a no.
pub struct Access {
    repo: Arc<dyn ClientRepo>,
    root: Option<(KeyDigest, Caller)>,
    by_key: Cache<KeyDigest, Caller>,
    by_id: Cache<ClientId, Arc<Client>>,
}

impl Access {
    /// Access over a repository.
    pub fn new(repo: Arc<dyn ClientRepo>) -> Self {
        Self { repo, root: None, by_key: Cache::new(REMEMBERED), by_id: Cache::new(REMEMBERED) }
    }

    /// Lets this admin in too, who is configured and not stored: a change of the configured key takes
    /// effect with the next start, for its tokens as well.
    #[must_use]
    pub fn with_root(mut self, client: Client, key: &ApiKey) -> Self {
        self.root = Some((key.digest(), Caller { client: Arc::new(client), key: key.id() }));
        self
    }

    /// Lets a caller in by the key that it presents.
    pub async fn by_key(&self, presented: &str) -> Result<Caller, AccessError> {
        let key = ApiKey::parse(presented).map_err(|_| AccessError::Unknown)?;
        let digest = key.digest();
        if let Some((_, root)) = self.root.as_ref().filter(|(of_root, _)| *of_root == digest) {
            return Ok(root.clone());
        }
        if let Some(caller) = self.by_key.get(&digest) {
            return active(caller);
        }
        let found = self.repo.by_key(&digest, Read::Latest).await?;
        let (client, record) = found.ok_or(AccessError::Unknown)?;
        let caller = Caller { client: Arc::new(client), key: record.id };
        self.by_key.insert(digest, caller.clone());
        active(caller)
    }

    /// Lets a caller in by a token whose signature has been checked.
    pub async fn by_token(&self, client: &ClientId, key: KeyId) -> Result<Caller, AccessError> {
        if let Some((_, root)) = self.root.as_ref().filter(|(_, root)| root.client.id == *client) {
            return if root.key == key { Ok(root.clone()) } else { Err(AccessError::Unknown) };
        }
        let client = self.client(client).await?.ok_or(AccessError::Unknown)?;
        active(Caller { client, key })
    }

    /// Finds a client, for those who record on behalf of others.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, AccessError> {
        if let Some(client) = self.by_id.get(id) {
            return Ok(Some(client));
        }
        let Some(client) = self.repo.by_id(id, Read::Latest).await? else { return Ok(None) };
        let client = Arc::new(client);
        self.by_id.insert(id.clone(), client.clone());
        Ok(Some(client))
    }
}

fn active(caller: Caller) -> Result<Caller, AccessError> {
    if caller.client.is_active { Ok(caller) } else { Err(AccessError::Deactivated) }
}
