//! Who is calling, from an in-process cache in front of the store.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::act::{RequestId, Signature};
use crate::client::{Client, Role};
use crate::error::{AccessError, StoreError};
use crate::id::{ClientId, Fingerprint, KeyId};
use crate::key::{ApiKey, KeyDigest, KeyRecord};
use crate::port::{Account, Changes, ClientRepo, Clock, HeldKey, Read};
use crate::time::Timestamp;

mod callers;
mod uses;

use callers::{Callers, Known, KnownKey};
use uses::Uses;

/// `AUTH_STALE_MAX`: cut off from the store's changes for longer than that, nobody is let in on memory.
pub const AUTH_STALE_MAX_SECONDS: i64 = 600;
/// Uses of keys written in one transaction.
const USES_PER_WRITE: usize = 1_000;

/// A caller that has been let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client as the store has it.
    pub client: Arc<Client>,
    /// The key that it came with, or that its token was made from.
    pub key: KeyId,
    /// When that key ends, if it does.
    pub key_ends: Option<Timestamp>,
    /// The request that it makes, where something is written down about that.
    pub request: Option<RequestId>,
}

impl Caller {
    /// The caller's role.
    pub fn role(&self) -> Role {
        self.client.role
    }

    /// The same caller in a request.
    #[must_use]
    pub fn within(self, request: Option<RequestId>) -> Self {
        Self { request, ..self }
    }

    /// What an admin signs at an instant; others sign nothing.
    pub fn signature(&self, at: Timestamp) -> Option<Signature> {
        let (actor, request) = (self.client.id.clone(), self.request.clone());
        (self.role() == Role::Admin).then_some(Signature { actor, at, request })
    }
}

/// One who looks after callers that were let in and are still there.
pub trait AccessWatch: Send + Sync {
    /// A client changed, or perhaps all of them: what was let in may not be any more. Must not wait.
    fn changed(&self, client: Option<&Fingerprint>);
}

/// Lets callers in by key or by token.
///
/// Clients and their keys are remembered. [`Access::refresh`] forgets those that changed, and
/// [`Access::forget`] one that this process changed itself. What is remembered goes on working while the
/// store is out of reach, for [`AUTH_STALE_MAX_SECONDS`]; what is not gets [`AccessError::Store`], which
/// is not a no. That somebody is not known is never remembered: there is no end of bad keys.
pub struct Access {
    repo: Arc<dyn ClientRepo>,
    clock: Arc<dyn Clock>,
    root: Option<Root>,
    callers: Callers,
    uses: Uses,
    version: Mutex<u64>,
    /// When it was last known that nothing had changed unseen, in microseconds.
    heard: AtomicI64,
    watch: OnceLock<Arc<dyn AccessWatch>>,
}

struct Root {
    caller: Caller,
    key: KeyRecord,
}

impl Access {
    /// Access over a repository.
    pub fn new(repo: Arc<dyn ClientRepo>, clock: Arc<dyn Clock>) -> Self {
        let heard = AtomicI64::new(clock.now().as_micros());
        let (callers, uses, version) = (Callers::new(), Uses::default(), Mutex::default());
        Self { repo, clock, root: None, callers, uses, version, heard, watch: OnceLock::new() }
    }

    /// Tells somebody of every change from now on. There is one who is told; a second one is not.
    pub fn watched_by(&self, watch: Arc<dyn AccessWatch>) {
        let _one_is_there = self.watch.set(watch);
    }

    /// Lets this admin in too, who is configured and not stored: a change of the configured key takes
    /// effect with the next start, for its tokens as well.
    #[must_use]
    pub fn with_root(mut self, client: Client, key: &ApiKey) -> Self {
        let record =
            KeyRecord { id: key.id(), digest: key.digest(), created_at: client.created_at, expires_at: None };
        let caller = Caller { client: Arc::new(client), key: key.id(), key_ends: None, request: None };
        self.root = Some(Root { caller, key: record });
        self
    }

    /// The admin who is configured, if this is its id.
    pub fn root(&self, id: &ClientId) -> Option<Account> {
        let root = self.root.as_ref().filter(|root| root.caller.client.id == *id)?;
        let key = HeldKey { record: root.key.clone(), last_used_at: None };
        let client = Client::clone(&root.caller.client);
        Some(Account { client, last_access_at: None, keys: vec![key] })
    }

    /// Decides about a key from memory alone; `None` if that takes a look into the store.
    pub fn remembered(&self, presented: &str) -> Option<Result<Caller, AccessError>> {
        let digest = ApiKey::parse(presented).ok()?.digest();
        if let Some(root) = self.root_with(&digest) {
            return Some(Ok(root));
        }
        let known = self.trusted(self.callers.by_digest(&digest))?;
        let key = known.key_of(&digest)?;
        Some(self.let_in(&known, key))
    }

    /// The same about a token whose signature has been checked.
    pub fn remembered_token(&self, client: &ClientId, key: &KeyId) -> Option<Result<Caller, AccessError>> {
        if let Some(answer) = self.root_by_token(client, key) {
            return Some(answer);
        }
        let known = self.trusted(self.callers.get(&Fingerprint::of(client)))?;
        Some(known.key(key).ok_or(AccessError::Unknown).and_then(|key| self.let_in(&known, key)))
    }

    /// Lets a caller in by the key that it presents.
    pub async fn by_key(&self, presented: &str) -> Result<Caller, AccessError> {
        if let Some(answer) = self.remembered(presented) {
            return answer;
        }
        let digest = ApiKey::parse(presented).map_err(|_| AccessError::Unknown)?.digest();
        let (client, _) = self.repo.by_key(&digest, Read::Latest).await?.ok_or(AccessError::Unknown)?;
        let known = self.look_up(&client.id).await?.ok_or(AccessError::Unknown)?;
        self.callers.point(digest, Fingerprint::of(&client.id));
        let key = known.key_of(&digest).ok_or(AccessError::Unknown)?;
        self.let_in(&known, key)
    }

    /// Lets a caller in by a token whose signature has been checked. The token ends with the key that it
    /// was made from.
    pub async fn by_token(&self, client: &ClientId, key: &KeyId) -> Result<Caller, AccessError> {
        if let Some(answer) = self.root_by_token(client, key) {
            return answer;
        }
        let known = self.known(client).await?.ok_or(AccessError::Unknown)?;
        let key = known.key(key).ok_or(AccessError::Unknown)?;
        self.let_in(&known, key)
    }

    /// Finds a client, for those who record on behalf of others.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, AccessError> {
        Ok(self.known(id).await?.map(|known| known.client.clone()))
    }

    /// Forgets what changed since the last call, up to 1,000 changes; true if there are more. To be
    /// called at least twice a second.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let asked = self.clock.now();
        let since = *lock(&self.version);
        let (version, more) = match self.repo.changes_since(since).await? {
            Changes::Since { clients, version, more } => {
                for client in &clients {
                    self.forget_one(client);
                }
                (version, more)
            }
            Changes::TooOld { version } => {
                self.callers.forget_all();
                self.tell(None);
                (version, false)
            }
        };
        *lock(&self.version) = version;
        if !more {
            self.heard.store(asked.as_micros(), Ordering::Relaxed);
        }
        Ok(more)
    }

    /// Forgets a client that was changed just now.
    pub fn forget(&self, client: &ClientId) {
        self.forget_one(&Fingerprint::of(client));
    }

    /// Whoever is told may look it up at once, and has to find it forgotten.
    fn forget_one(&self, client: &Fingerprint) {
        self.callers.forget(client);
        self.tell(Some(client));
    }

    fn tell(&self, client: Option<&Fingerprint>) {
        if let Some(watch) = self.watch.get() {
            watch.changed(client);
        }
    }

    /// Writes down when keys were last used. What cannot be written waits for the next call.
    pub async fn write_uses(&self) -> Result<(), StoreError> {
        loop {
            let taken = self.uses.take(USES_PER_WRITE);
            if taken.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.repo.touch(&uses::stamped(&taken)).await {
                self.uses.put_back(taken);
                return Err(error);
            }
        }
    }

    fn root_with(&self, digest: &KeyDigest) -> Option<Caller> {
        self.root.as_ref().filter(|root| root.key.digest == *digest).map(|root| root.caller.clone())
    }

    fn root_by_token(&self, client: &ClientId, key: &KeyId) -> Option<Result<Caller, AccessError>> {
        let root = self.root.as_ref().filter(|root| root.caller.client.id == *client)?;
        Some(if root.caller.key == *key { Ok(root.caller.clone()) } else { Err(AccessError::Unknown) })
    }

    /// What is remembered counts only while changes are heard of.
    fn trusted<T>(&self, remembered: Option<T>) -> Option<T> {
        let age = self.clock.now().as_micros() - self.heard.load(Ordering::Relaxed);
        remembered.filter(|_| age <= AUTH_STALE_MAX_SECONDS * 1_000_000)
    }

    fn let_in(&self, known: &Known, key: &KnownKey) -> Result<Caller, AccessError> {
        let now = self.clock.now();
        if key.record.is_over(now) {
            return Err(AccessError::Unknown);
        }
        if !known.client.is_active {
            return Err(AccessError::Deactivated);
        }
        self.uses.note(&key.used, now);
        let (key, key_ends) = (key.record.id.clone(), key.record.expires_at);
        Ok(Caller { client: known.client.clone(), key, key_ends, request: None })
    }

    async fn known(&self, id: &ClientId) -> Result<Option<Arc<Known>>, AccessError> {
        match self.trusted(self.callers.get(&Fingerprint::of(id))) {
            Some(known) => Ok(Some(known)),
            None => self.look_up(id).await,
        }
    }

    async fn look_up(&self, id: &ClientId) -> Result<Option<Arc<Known>>, AccessError> {
        let fingerprint = Fingerprint::of(id);
        let generation = self.callers.generation(&fingerprint);
        let Some(account) = self.repo.account(id, Read::Latest).await? else { return Ok(None) };
        let known = Arc::new(Known::from(account));
        self.callers.remember(fingerprint, known.clone(), generation);
        Ok(Some(known))
    }
}

fn lock(version: &Mutex<u64>) -> MutexGuard<'_, u64> {
    // Nothing panics while it is held.
    version.lock().unwrap_or_else(PoisonError::into_inner)
}
