//! Changes to clients and keys, and what is left of erased ones.

use std::collections::HashSet;

use activity_domain::activity::{Activity, Endpoint};
use activity_domain::client::{Client, ClientChange};
use activity_domain::error::{AddKeyError, StoreError, UpdateError};
use activity_domain::hygiene::{ERASED, Template};
use activity_domain::id::{ClientId, Fingerprint, KeyId};
use activity_domain::key::KeyRecord;
use activity_domain::port::{Account, CHANGES_KEPT_SECONDS, Changes, HeldKey, MAX_KEYS};
use activity_domain::time::Timestamp;

use crate::store::State;

/// Changes in one answer.
const PAGE: usize = 1_000;

/// A change of a client.
#[derive(Debug)]
pub(crate) struct Change {
    version: u64,
    client: Fingerprint,
    at: Timestamp,
}

impl State {
    pub fn is_erased(&self, id: &ClientId) -> bool {
        self.tombstones.contains(&Fingerprint::of(id))
    }

    pub fn account(&self, id: &ClientId) -> Option<Account> {
        let held = |(owner, record): &(ClientId, KeyRecord)| {
            let last_used_at = self.last_used.get(&record.id).copied();
            (owner == id).then(|| HeldKey { record: record.clone(), last_used_at })
        };
        let mut keys: Vec<HeldKey> = self.keys.values().filter_map(held).collect();
        keys.sort_by_key(|key| (key.record.created_at, key.record.id.clone()));
        let client = self.clients.get(id)?.clone();
        Some(Account { client, last_access_at: self.last_access.get(id).copied(), keys })
    }

    pub fn update(
        &mut self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError> {
        let taken = |other: &Client| other.id != *id && other.email == change.email;
        if !self.clients.contains_key(id) {
            return Ok(None);
        }
        if change.email.is_some() && self.clients.values().any(taken) {
            return Err(UpdateError::EmailTaken);
        }
        self.changed(id, now);
        let client = self.clients.get_mut(id);
        Ok(client.map(|client| {
            change.apply(client);
            client.clone()
        }))
    }

    pub fn add_key(
        &mut self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError> {
        let now = key.created_at;
        if !self.clients.contains_key(id) {
            return Err(AddKeyError::NoSuchClient);
        }
        if self.has_key(key) {
            return Err(AddKeyError::IdTaken);
        }
        let own = self.keys.values().filter(|(owner, _)| owner == id);
        let live = own.filter(|(_, other)| !shortened(other, overlap).is_over(now));
        if live.count() >= MAX_KEYS {
            return Err(AddKeyError::TooMany);
        }
        for (_, other) in self.keys.values_mut().filter(|(owner, _)| owner == id) {
            *other = shortened(other, overlap);
        }
        self.keys.retain(|_, (owner, other)| owner != id || !other.is_over(now));
        self.keys.insert(key.digest, (id.clone(), key.clone()));
        self.changed(id, now);
        Ok(())
    }

    pub fn has_key(&self, key: &KeyRecord) -> bool {
        self.keys.values().any(|(_, other)| other.id == key.id || other.digest == key.digest)
    }

    pub fn revoke_key(&mut self, id: &ClientId, key: &KeyId, now: Timestamp) -> bool {
        let before = self.keys.len();
        self.keys.retain(|_, (owner, other)| owner != id || other.id != *key);
        let revoked = self.keys.len() < before;
        if revoked {
            self.changed(id, now);
        }
        revoked
    }

    pub fn erase(&mut self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        if !self.clients.contains_key(id) {
            return Ok(false);
        }
        if self.clients.contains_key(anonymous) || self.counted.iter().any(|row| row.client == *anonymous) {
            return Err(StoreError::Refused("the anonymous id is taken".to_owned()));
        }
        self.clients.remove(id);
        let gone = self.keys.extract_if(|_, (owner, _)| owner == id).map(|(_, (_, key))| key.id);
        for key in gone.collect::<Vec<_>>() {
            self.last_used.remove(&key);
        }
        self.last_access.remove(id);
        self.rows.retain(|_, row| row.client != *id);
        self.make_anonymous(id, anonymous);
        self.set_aside.retain(|kept| {
            !kept.payload.windows(id.as_str().len()).any(|part| part == id.as_str().as_bytes())
        });
        self.tombstones.insert(Fingerprint::of(id));
        self.changed(id, now);
        Ok(true)
    }

    /// Counts stay. Paths that only erased clients called may tell whose they were.
    fn make_anonymous(&mut self, id: &ClientId, anonymous: &ClientId) {
        for row in self.counted.iter_mut().filter(|row| row.client == *id) {
            *row = counted(row.clone(), anonymous);
        }
        let others = self.counted.iter().filter(|row| !row.client.is_anonymous());
        let others: HashSet<Template> = others.map(|row| Template::of(&row.endpoint)).collect();
        for row in self.counted.iter_mut().filter(|row| row.client.is_anonymous()) {
            let is_telling = !others.contains(&Template::of(&row.endpoint));
            if let Some(erased) = Endpoint::parse(ERASED).ok().filter(|_| is_telling) {
                row.endpoint = erased;
            }
        }
    }

    pub fn touch(&mut self, uses: &[(KeyId, Timestamp)]) {
        for (key, at) in uses {
            let owner = self.keys.values().find(|(_, record)| record.id == *key).map(|(owner, _)| owner);
            if let Some(owner) = owner.cloned() {
                let last = self.last_used.entry(key.clone()).or_insert(*at);
                *last = (*at).max(*last);
                let last = self.last_access.entry(owner).or_insert(*at);
                *last = (*at).max(*last);
            }
        }
    }

    pub fn changes_since(&self, version: u64) -> Changes {
        let last = self.changes.last().map_or(0, |change| change.version);
        let oldest = self.changes.first().map_or(1, |change| change.version);
        if version > last || version + 1 < oldest {
            return Changes::TooOld { version: last };
        }
        let after = self.changes.iter().filter(|change| change.version > version);
        let page: Vec<&Change> = after.take(PAGE).collect();
        let version = page.last().map_or(version, |change| change.version);
        let clients = page.iter().map(|change| change.client).collect();
        Changes::Since { clients, version, more: version < last }
    }

    /// Forgets old changes, but for the last one, which has the version.
    pub fn forget_changes(&mut self, now: Timestamp) {
        let kept_from = now.plus_seconds(-CHANGES_KEPT_SECONDS);
        let old = self.changes.iter().take_while(|change| change.at < kept_from).count();
        let old = old.min(self.changes.len().saturating_sub(1));
        self.changes.drain(..old);
    }

    fn changed(&mut self, id: &ClientId, at: Timestamp) {
        let version = self.changes.last().map_or(0, |change| change.version) + 1;
        self.changes.push(Change { version, client: Fingerprint::of(id), at });
    }
}

/// A key as it is after another one has been given with an overlap.
fn shortened(key: &KeyRecord, overlap: Option<Timestamp>) -> KeyRecord {
    let expires_at = match (key.expires_at, overlap) {
        (Some(end), Some(overlap)) => Some(end.min(overlap)),
        (end, overlap) => end.or(overlap),
    };
    KeyRecord { expires_at, ..key.clone() }
}

/// What is counted of a row, and nothing that tells whose it was.
fn counted(row: Activity, anonymous: &ClientId) -> Activity {
    Activity {
        client: anonymous.clone(),
        ip: None,
        user_agent: None,
        error_message: None,
        metadata: None,
        ..row
    }
}
