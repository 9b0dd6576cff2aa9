//! Clients and keys, managed by admins and, where it is their own, by clients.

use std::sync::Arc;

use thiserror::Error;

use super::{Access, Caller};
use crate::cache::Scope;
use crate::client::{Client, ClientChange, Role};
use crate::error::{AddKeyError, StoreError, UpdateError};
use crate::id::{ClientId, KeyId};
use crate::key::{ApiKey, KeyRecord, KeyWish};
use crate::port::{Account, ClientRepo, Clock, Randomness, Read, UsageCache};
use crate::time::Timestamp;

/// Why a client or key is not shown or changed.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The caller's role may not do this.
    #[error("this needs the role admin")]
    Forbidden,
    /// There is no such client, or none that the caller may know of.
    #[error("there is no such client")]
    NoSuchClient,
    /// The client has no such key.
    #[error("there is no such key")]
    NoSuchKey,
    /// Another client has this email.
    #[error("another client has this email")]
    EmailTaken,
    /// The client has as many keys as it may have.
    #[error("the client has too many keys")]
    TooManyKeys,
    /// This cannot be done to this client; the text says why.
    #[error("{0}")]
    Conflict(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new key with its one showing.
#[derive(Debug)]
pub struct Issued {
    /// Its id.
    pub id: KeyId,
    /// The key.
    pub key: ApiKey,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

const CONFIGURED: &str = "this admin is configured, not stored: change ADMIN_API_KEY and start again";

/// Manages clients and keys. What it changes acts on the very next request to this process, and on
/// others' once they hear of it.
pub struct Accounts {
    repo: Arc<dyn ClientRepo>,
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    cache: Option<Arc<dyn UsageCache>>,
}

impl Accounts {
    /// Management over a repository, beside the access that remembers what is in it.
    pub fn new(
        repo: Arc<dyn ClientRepo>,
        access: Arc<Access>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        Self { repo, access, clock, randomness, cache: None }
    }

    /// With a cache of usage, which remembers names and ids too.
    #[must_use]
    pub fn beside(mut self, cache: Arc<dyn UsageCache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// So many clients in the order of their ids, from the first one after an id on; for admins.
    pub async fn list(
        &self,
        by: &Caller,
        after: Option<&ClientId>,
        limit: usize,
    ) -> Result<Vec<Account>, AccountError> {
        admin(by)?;
        Ok(self.repo.list(after, limit, Read::Eventual).await?)
    }

    /// A client with its keys: any for admins, its own for others.
    pub async fn get(&self, by: &Caller, id: &ClientId) -> Result<Account, AccountError> {
        admin_or_own(by, id)?;
        if let Some(root) = self.access.root(id) {
            return Ok(root);
        }
        self.repo.account(id, Read::Latest).await?.ok_or(AccountError::NoSuchClient)
    }

    /// Changes a client; for admins, who cannot take their own rights away.
    pub async fn change(
        &self,
        by: &Caller,
        id: &ClientId,
        change: &ClientChange,
    ) -> Result<Account, AccountError> {
        admin(by)?;
        self.stored(id)?;
        let loses_rights = change.is_active == Some(false) || change.role.is_some_and(|r| r != Role::Admin);
        if loses_rights && by.client.id == *id {
            return Err(AccountError::Conflict("admins cannot take their own rights away: ask another one"));
        }
        let changed = self.repo_of(by).update(id, change, self.clock.now()).await;
        self.access.forget(id);
        if change.name.is_some() {
            self.forget_usage(&Scope::Names).await;
        }
        let client: Client = changed?.ok_or(AccountError::NoSuchClient)?;
        // The keys are from a moment later; the client is what this change made of it.
        let account = self.repo.account(id, Read::Latest).await?.ok_or(AccountError::NoSuchClient)?;
        Ok(Account { client, ..account })
    }

    /// Erases a client; for admins, who cannot erase themselves.
    pub async fn erase(&self, by: &Caller, id: &ClientId) -> Result<(), AccountError> {
        admin(by)?;
        self.stored(id)?;
        if by.client.id == *id {
            return Err(AccountError::Conflict("admins cannot erase themselves: ask another one"));
        }
        let mut bits = [0; 10];
        self.randomness.fill(&mut bits);
        let anonymous = ClientId::anonymous(bits);
        let erased = self.repo_of(by).erase(id, &anonymous, self.clock.now()).await;
        self.access.forget(id);
        self.forget_usage(&Scope::Everything).await;
        if erased? { Ok(()) } else { Err(AccountError::NoSuchClient) }
    }

    /// Gives a client another key: any client for admins, their own for others.
    pub async fn issue(&self, by: &Caller, id: &ClientId, wish: KeyWish) -> Result<Issued, AccountError> {
        admin_or_own(by, id)?;
        self.stored(id)?;
        let (key_id, key) = ApiKey::generate(self.randomness.as_ref());
        let now = self.clock.now();
        let expires_at = wish.lifetime.map(|lifetime| now.plus_seconds(lifetime.seconds()));
        let overlap = wish.overlap.map(|overlap| now.plus_seconds(overlap.seconds()));
        let record = KeyRecord { id: key_id, digest: key.digest(), created_at: now, expires_at };
        let added = self.repo_of(by).add_key(id, &record, overlap).await;
        self.access.forget(id);
        added?;
        Ok(Issued { id: record.id, key, expires_at })
    }

    /// Takes a key away: from any client for admins, their own for others.
    pub async fn revoke(&self, by: &Caller, id: &ClientId, key: &KeyId) -> Result<(), AccountError> {
        admin_or_own(by, id)?;
        self.stored(id)?;
        let revoked = self.repo_of(by).revoke_key(id, key, self.clock.now()).await;
        self.access.forget(id);
        match revoked? {
            true => Ok(()),
            // An admin is told which of the two is missing.
            false if self.repo.by_id(id, Read::Latest).await?.is_none() => Err(AccountError::NoSuchClient),
            false => Err(AccountError::NoSuchKey),
        }
    }

    /// Acts of admins are written down with what they change; what clients do with their own keys is not.
    fn repo_of(&self, by: &Caller) -> Arc<dyn ClientRepo> {
        by.signature(self.clock.now()).map_or_else(|| self.repo.clone(), |by| self.repo.signed(by))
    }

    /// To be called whether a change went through or not: the answer to it may be all that was lost. A cache
    /// that cannot forget lets its values go after their time.
    async fn forget_usage(&self, scope: &Scope) {
        if let Some(cache) = &self.cache {
            let _degraded = cache.forget(scope).await;
        }
    }

    fn stored(&self, id: &ClientId) -> Result<(), AccountError> {
        if self.access.root(id).is_some() { Err(AccountError::Conflict(CONFIGURED)) } else { Ok(()) }
    }
}

/// A wrong role is refused before any look-up, so that it tells nothing about who exists.
fn admin(by: &Caller) -> Result<(), AccountError> {
    if by.role() == Role::Admin { Ok(()) } else { Err(AccountError::Forbidden) }
}

fn admin_or_own(by: &Caller, id: &ClientId) -> Result<(), AccountError> {
    if by.role() == Role::Admin || by.client.id == *id { Ok(()) } else { Err(AccountError::NoSuchClient) }
}

impl From<UpdateError> for AccountError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::EmailTaken => Self::EmailTaken,
            UpdateError::Store(error) => error.into(),
        }
    }
}

impl From<AddKeyError> for AccountError {
    fn from(error: AddKeyError) -> Self {
        match error {
            AddKeyError::NoSuchClient => Self::NoSuchClient,
            AddKeyError::TooMany => Self::TooManyKeys,
            // 60 random bits met twice: the randomness is broken, not the caller.
            AddKeyError::IdTaken => StoreError::Refused("a new key's id exists already".into()).into(),
            AddKeyError::Store(error) => error.into(),
        }
    }
}
