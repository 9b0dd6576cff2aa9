//! Clients of the original, with their keys.

use std::collections::HashSet;
use std::sync::Arc;

use activity_adapter_postgres::original::ClientRow;
use activity_domain::client::{Client, ClientLimits, ClientName, Email, RateLimit, Role};
use activity_domain::error::{InsertError, Invalid};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::key::{ApiKey, KeyRecord};
use activity_domain::port::{ClientRepo, Clock, Read};
use activity_domain::time::Timestamp;

use super::keys::Ring;
use super::{fields, ids};
use crate::Failure;
use crate::import::read::Place;
use crate::import::rejects::Rejects;
use crate::system::SystemClock;

/// Clients that are remembered as being there; the rest is asked for again.
const REMEMBERED: usize = 100_000;

/// What became of clients.
#[derive(Debug, Default)]
pub struct Counts {
    /// Rows.
    pub read: u64,
    /// New ones.
    pub brought: u64,
    /// Those of an earlier run, which stay as they are here.
    pub there: u64,
    /// New ones that came without their key.
    pub without_key: u64,
    /// New ones that came without their email, which another client has.
    pub without_email: u64,
    /// Those that were erased here, and stay so.
    pub erased: u64,
    /// Those that cannot be brought.
    pub rejected: u64,
    /// Those that only calls name, and that were made for them.
    pub made: u64,
}

/// Brings clients, and knows for calls who is there.
pub struct Clients {
    repo: Arc<dyn ClientRepo>,
    ring: Option<Ring>,
    may_lack_keys: bool,
    rate_limit: RateLimit,
    known: HashSet<ClientId>,
    refused: HashSet<ClientId>,
    missing: Vec<Client>,
    is_checked: bool,
    /// What there is to say.
    pub counts: Counts,
}

impl Clients {
    /// Clients to a repository. Whether they may come without keys where no key is known to open them.
    pub fn new(
        repo: Arc<dyn ClientRepo>,
        ring: Option<Ring>,
        may_lack_keys: bool,
        rate_limit: RateLimit,
    ) -> Self {
        Self {
            repo,
            ring,
            may_lack_keys,
            rate_limit,
            known: HashSet::new(),
            refused: HashSet::new(),
            missing: Vec::new(),
            is_checked: false,
            counts: Counts::default(),
        }
    }

    /// Brings a page of clients. With a wrong key for all of the first page, nothing is changed.
    pub async fn bring(&mut self, page: Vec<ClientRow>, rejects: &mut Rejects) -> Result<(), Failure> {
        let page: Vec<_> = page.into_iter().map(|row| (self.key(&row), row)).collect();
        self.check_ring(page.iter().filter_map(|(key, _)| key.as_ref()))?;
        let mut uses = Vec::new();
        for (key, row) in page {
            self.counts.read += 1;
            let place =
                Place::Row { table: "clients", id: row.client_id.as_deref().unwrap_or("NULL").into() };
            match self.wish(&row, &place, key, rejects)? {
                Some(wish) => uses.extend(self.bring_one(wish, &place, rejects).await?),
                None => self.counts.rejected += 1,
            }
        }
        if !uses.is_empty() {
            self.repo.touch(&uses).await?;
        }
        Ok(())
    }

    /// Whose a call is; the error rejects it. Who is missing is noted for [`Clients::make_missing`], which has to come
    /// before the calls are stored.
    pub fn of(&mut self, original: Option<&str>) -> Result<ClientId, Invalid> {
        let original = original.ok_or_else(|| Invalid::new("has no client_id"))?;
        let id = ids::client(original);
        if self.refused.contains(&id) {
            return Err(Invalid::new("belongs to a client that was rejected"));
        }
        if !self.known.contains(&id) {
            self.missing.push(self.unnamed(&id, original)?);
            self.known.insert(id.clone());
        }
        Ok(id)
    }

    /// Makes the clients of calls since the last time that are in neither table nor store: without key and email.
    pub async fn make_missing(&mut self) -> Result<(), Failure> {
        let missing = std::mem::take(&mut self.missing);
        if !missing.is_empty() {
            self.counts.made += self.repo.insert_missing(&missing).await?;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        Ok(())
    }

    /// Its key, opened. `None`: it has none, or none is wanted.
    fn key(&self, row: &ClientRow) -> Option<Result<ApiKey, Invalid>> {
        let sealed = row.api_key.as_deref().filter(|text| !text.trim().is_empty())?;
        match &self.ring {
            Some(ring) => Some(ring.open(sealed)),
            None if self.may_lack_keys => None,
            None => Some(Err(Invalid::new("cannot be opened without the original's ENCRYPTION_KEY"))),
        }
    }

    /// Looks at the first page that has keys.
    fn check_ring<'a>(
        &mut self,
        mut keys: impl Iterator<Item = &'a Result<ApiKey, Invalid>>,
    ) -> Result<(), Failure> {
        let Some(first) = keys.next().filter(|_| !self.is_checked) else { return Ok(()) };
        self.is_checked = true;
        match first {
            Err(reason) if keys.all(Result::is_err) => Err(format!(
                "no API key of the original opens (the first one {reason}): give its ENCRYPTION_KEY with \
                 --original-key-file or --original-key-env, or say --without-keys"
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// The client as it is to be. `None`: it has no id to be known by.
    fn wish(
        &self,
        row: &ClientRow,
        place: &Place,
        key: Option<Result<ApiKey, Invalid>>,
        rejects: &mut Rejects,
    ) -> Result<Option<Wish>, Failure> {
        let Some(original) = row.client_id.as_deref().filter(|id| !id.trim().is_empty()) else {
            rejects.write(place, &Invalid::new("has no client_id"), b"")?;
            return Ok(None);
        };
        let mut client = match self.unnamed(&ids::client(original), original) {
            Ok(client) => client,
            Err(reason) => {
                rejects.write(place, &reason, b"")?;
                return Ok(None);
            }
        };
        if let Some(name) = row.name.as_deref().and_then(fitting) {
            client.name = name;
        }
        client.email = row.email.as_deref().and_then(|text| Email::parse(text).ok());
        let limit = row.rate_limit.as_deref().and_then(|text| text.trim().parse().ok());
        client.rate_limit = limit.and_then(|limit| RateLimit::parse(limit).ok()).unwrap_or(client.rate_limit);
        client.is_active = row.is_active.as_deref().is_none_or(fields::is_true);
        let at = |text: &Option<String>| text.as_deref().and_then(|text| fields::time(text).ok());
        let created_at = at(&row.created_at);
        client.created_at = created_at.unwrap_or(client.created_at);
        Ok(Some(Wish { client, key, created_at, last_access_at: at(&row.last_access_at) }))
    }

    /// A client by the name of its id.
    fn unnamed(&self, id: &ClientId, original: &str) -> Result<Client, Invalid> {
        Ok(Client {
            id: id.clone(),
            name: fitting(original).map_or_else(|| ClientName::parse(id.as_str()), Ok)?,
            email: None,
            role: Role::Client,
            rate_limit: self.rate_limit,
            limits: ClientLimits::default(),
            is_active: true,
            created_at: SystemClock.now(),
        })
    }

    /// Adds a client that is new; one that is there stays as it is. Returns the use of its key, if there is one.
    async fn bring_one(
        &mut self,
        wish: Wish,
        place: &Place,
        rejects: &mut Rejects,
    ) -> Result<Option<(KeyId, Timestamp)>, Failure> {
        let id = wish.client.id.clone();
        let key_id = wish.key.as_ref().and_then(|key| key.as_ref().ok()).map(ApiKey::id);
        if let Some(there) = self.repo.by_id(&id, Read::Latest).await? {
            if wish.created_at.is_some_and(|at| at != there.created_at) {
                let reason = "is not brought: another client, registered at another time, has its id here";
                rejects.write(place, &Invalid::new(reason), id.as_str().as_bytes())?;
                self.counts.rejected += 1;
                self.refused.insert(id);
                return Ok(None);
            }
            self.counts.there += 1;
        } else {
            self.insert(&wish, place, rejects).await?;
        }
        self.known.insert(id);
        Ok(key_id.zip(wish.last_access_at))
    }

    /// Adds it with as much of it as others leave it.
    async fn insert(&mut self, wish: &Wish, place: &Place, rejects: &mut Rejects) -> Result<(), Failure> {
        let mut client = wish.client.clone();
        let mut lost_key = match &wish.key {
            Some(Err(reason)) => Some(format!("is brought without its key, which {reason}")),
            None => Some("is brought without a key".to_owned()),
            Some(Ok(_)) => None,
        };
        let mut record = wish.key.as_ref().and_then(|key| key.as_ref().ok()).map(|key| KeyRecord {
            id: key.id(),
            digest: key.digest(),
            created_at: client.created_at,
            expires_at: None,
        });
        loop {
            match self.repo.insert(&client, record.as_ref()).await {
                Ok(()) => break,
                Err(InsertError::EmailTaken) if client.email.is_some() => client.email = None,
                Err(InsertError::IdTaken) => {
                    let taken = match &record {
                        Some(key) => self.repo.by_key(&key.digest, Read::Latest).await?.is_some(),
                        None => false,
                    };
                    if !taken {
                        self.counts.erased += 1;
                        return Ok(());
                    }
                    record = None;
                    lost_key = Some("is brought without its key, which another client has".to_owned());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.counts.brought += 1;
        let id = client.id.as_str().as_bytes();
        if let Some(reason) = lost_key {
            self.counts.without_key += 1;
            rejects.write(place, &Invalid::new(reason), id)?;
        }
        if wish.client.email.is_some() && client.email.is_none() {
            self.counts.without_email += 1;
            rejects.write(
                place,
                &Invalid::new("is brought without its email, which another client has"),
                id,
            )?;
        }
        Ok(())
    }
}

/// A client that is to be brought.
struct Wish {
    client: Client,
    key: Option<Result<ApiKey, Invalid>>,
    /// As the original says; what it does not say cannot be compared.
    created_at: Option<Timestamp>,
    last_access_at: Option<Timestamp>,
}

/// A name, cut where it is too long. `None`: there is no name in it.
fn fitting(text: &str) -> Option<ClientName> {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let cut: String = clean.trim().chars().take(100).collect();
    ClientName::parse(&cut).ok()
}
