//! The clients that are remembered, and how they are forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;

use super::uses::Use;
use crate::client::Client;
use crate::id::{Fingerprint, KeyId};
use crate::key::{KeyDigest, KeyRecord};
use crate::port::Account;

/// How many clients, and how many keys, are remembered. The rest costs a look-up in the store.
const REMEMBERED: usize = 100_000;
/// A change of one client keeps only those from being remembered that share its stripe, for as long as
/// their look-up takes.
const STRIPES: usize = 256;

/// A client and its keys as the store had them.
pub(super) struct Known {
    pub client: Arc<Client>,
    pub keys: Vec<KnownKey>,
}

pub(super) struct KnownKey {
    pub record: KeyRecord,
    pub used: Arc<Use>,
}

impl Known {
    pub fn key(&self, id: &KeyId) -> Option<&KnownKey> {
        self.keys.iter().find(|key| key.record.id == *id)
    }

    pub fn key_of(&self, digest: &KeyDigest) -> Option<&KnownKey> {
        self.keys.iter().find(|key| key.record.digest == *digest)
    }
}

impl From<Account> for Known {
    fn from(account: Account) -> Self {
        let keys = account.keys.into_iter().map(|key| KnownKey {
            used: Arc::new(Use::new(key.record.id.clone(), key.last_used_at)),
            record: key.record,
        });
        Self { client: Arc::new(account.client), keys: keys.collect() }
    }
}

/// How often the clients of a stripe were forgotten, as seen before a look-up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// Clients by fingerprint, and whose a key is by digest. All that is known of a client is in one entry,
/// so that forgetting it is one removal. A digest never changes its owner: what it points at may be
/// missing, never wrong.
pub(super) struct Callers {
    clients: Cache<Fingerprint, Arc<Known>>,
    owners: Cache<KeyDigest, Fingerprint>,
    generations: [Mutex<Generation>; STRIPES],
}

impl Callers {
    pub fn new() -> Self {
        Self {
            clients: Cache::new(REMEMBERED),
            owners: Cache::new(REMEMBERED),
            generations: std::array::from_fn(|_| Mutex::new(Generation(0))),
        }
    }

    pub fn get(&self, client: &Fingerprint) -> Option<Arc<Known>> {
        self.clients.get(client)
    }

    pub fn by_digest(&self, digest: &KeyDigest) -> Option<Arc<Known>> {
        self.clients.get(&self.owners.get(digest)?)
    }

    pub fn point(&self, digest: KeyDigest, owner: Fingerprint) {
        self.owners.insert(digest, owner);
    }

    /// To be taken before the look-up whose result is to be remembered.
    pub fn generation(&self, client: &Fingerprint) -> Generation {
        *self.stripe(client)
    }

    /// Remembers a client, unless it was forgotten since the look-up began: what was read then may be
    /// from before the change.
    pub fn remember(&self, client: Fingerprint, known: Arc<Known>, seen: Generation) {
        let generation = self.stripe(&client);
        if *generation == seen {
            self.clients.insert(client, known);
        }
    }

    pub fn forget(&self, client: &Fingerprint) {
        let mut generation = self.stripe(client);
        generation.0 += 1;
        self.clients.remove(client);
    }

    pub fn forget_all(&self) {
        for stripe in &self.generations {
            lock(stripe).0 += 1;
        }
        // What began before is not remembered any more; what begins now may be cleared in vain.
        self.clients.clear();
    }

    fn stripe(&self, client: &Fingerprint) -> MutexGuard<'_, Generation> {
        // One byte: all 256 stripes are there.
        lock(&self.generations[usize::from(client.0[0])])
    }
}

fn lock(stripe: &Mutex<Generation>) -> MutexGuard<'_, Generation> {
    // Nothing panics while it is held.
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}
