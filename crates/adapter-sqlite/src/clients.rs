//! Clients and their keys.

use std::sync::Arc;

use activity_domain::act::{Act, Signature};
use activity_domain::client::{Client, ClientChange, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::error::{AddKeyError, InsertError, Invalid, StoreError, UpdateError};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{Account, Changes, ClientRepo, Read};
use activity_domain::rollup::ClientNo;
use activity_domain::service::{Emails, KeptEmail};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::{api_key, client, client_number};
use crate::store::SqliteStore;
use crate::{accounts, acts, changes, emails, erase, limits, numbers};

#[async_trait]
impl ClientRepo for SqliteStore {
    fn signed(&self, by: Signature) -> Arc<dyn ClientRepo> {
        Arc::new(self.signed_by(by))
    }

    async fn insert(&self, new: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError> {
        let (new, key, emails, by) = (new.clone(), key.cloned(), self.emails.clone(), self.signature.clone());
        self.write(move |c| {
            let inserted = insert(c, &emails, &new, key.as_ref())?;
            if inserted.is_ok() {
                acts::write_down(c, by.as_ref(), || Act::registered(&new, key.as_ref()))?;
            }
            Ok(inserted)
        })
        .await?
    }

    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError> {
        if clients.iter().any(|client| client.email.is_some()) {
            return Err(InsertError::EmailTaken);
        }
        let clients = clients.to_vec();
        let made = self.write(move |c| {
            let mut made = 0;
            for client in &clients {
                let Some(no) = numbers::find_or_make(c, &client.id)? else { continue };
                made += insert_row(c, no, client, &KeptEmail::default())? as u64;
            }
            Ok(made)
        });
        Ok(made.await?)
    }

    async fn by_id(&self, id: &ClientId, _: Read) -> Result<Option<Client>, StoreError> {
        let (id, emails) = (id.clone(), self.emails.clone());
        self.read(move |c| {
            let found =
                client::table.inner_join(client_number::table).filter(client_number::id.eq(id.as_str()));
            let row: Option<ClientRow> = found.select(ClientRow::as_select()).get_result(c).optional()?;
            row.map(|row| with_limits(c, &emails, row)).transpose()
        })
        .await
    }

    async fn by_key(&self, digest: &KeyDigest, _: Read) -> Result<Option<(Client, KeyRecord)>, StoreError> {
        let (digest, emails) = (digest.0, self.emails.clone());
        self.read(move |c| {
            let found = api_key::table
                .inner_join(client::table.inner_join(client_number::table))
                .filter(api_key::digest.eq(digest.as_slice()))
                .select((ClientRow::as_select(), KeyRow::as_select()));
            let row: Option<(ClientRow, KeyRow)> = found.get_result(c).optional()?;
            row.map(|(client, key)| Ok((with_limits(c, &emails, client)?, key.try_into()?))).transpose()
        })
        .await
    }

    async fn update(
        &self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError> {
        let (id, change, emails, by) =
            (id.clone(), change.clone(), self.emails.clone(), self.signature.clone());
        self.write(move |c| accounts::update(c, &emails, by.as_ref(), &id, &change, now)).await?
    }

    async fn account(&self, id: &ClientId, _: Read) -> Result<Option<Account>, StoreError> {
        let (id, emails) = (id.clone(), self.emails.clone());
        self.read(move |c| accounts::get(c, &emails, &id)).await
    }

    async fn list(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        _: Read,
    ) -> Result<Vec<Account>, StoreError> {
        let (after, emails) = (after.cloned(), self.emails.clone());
        self.read(move |c| accounts::list(c, &emails, after.as_ref(), limit)).await
    }

    async fn add_key(
        &self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError> {
        let (id, key, by) = (id.clone(), key.clone(), self.signature.clone());
        self.write(move |c| {
            let added = accounts::add_key(c, &id, &key, overlap)?;
            if added.is_ok() {
                acts::write_down(c, by.as_ref(), || Act::issued(&id, &key, overlap))?;
            }
            Ok(added)
        })
        .await?
    }

    async fn revoke_key(&self, id: &ClientId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let (id, key, by) = (id.clone(), key.clone(), self.signature.clone());
        self.write(move |c| {
            let revoked = accounts::revoke_key(c, &id, &key, now)?;
            if revoked {
                acts::write_down(c, by.as_ref(), || Act::revoked(&id, &key))?;
            }
            Ok(revoked)
        })
        .await
    }

    async fn erase(&self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        let (id, anonymous, by) = (id.clone(), anonymous.clone(), self.signature.clone());
        self.write(move |c| {
            let erased = erase::erase(c, &id, &anonymous, now)?;
            if erased {
                acts::write_down(c, by.as_ref(), || Act::erased(&id))?;
            }
            Ok(erased)
        })
        .await
    }

    async fn touch(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.write(move |c| Ok(accounts::touch(c, &uses)?)).await
    }

    async fn changes_since(&self, version: u64) -> Result<Changes, StoreError> {
        self.read(move |c| changes::since(c, version)).await
    }
}

type Inserted = Result<(), InsertError>;

/// A refusal is an answer, not a failure of the transaction: nothing was written before it is known.
fn insert(
    c: &mut SqliteConnection,
    emails: &Emails,
    new: &Client,
    key: Option<&KeyRecord>,
) -> Result<Inserted, Failure> {
    let kept = emails::keep(c, emails, &new.id, new.email.as_ref())?;
    if let Some(email) = &new.email
        && emails::is_taken(c, email, &kept, None)?
    {
        return Ok(Err(InsertError::EmailTaken));
    }
    if let Some(key) = key {
        let same = api_key::digest.eq(key.digest.0.as_slice()).or(api_key::id.eq(key.id.as_str()));
        if api_key::table.filter(same).count().get_result::<i64>(c)? > 0 {
            return Ok(Err(InsertError::IdTaken));
        }
    }
    let Some(no) = numbers::find_or_make(c, &new.id)? else { return Ok(Err(InsertError::IdTaken)) };
    if insert_row(c, no, new, &kept)? == 0 {
        return Ok(Err(InsertError::IdTaken));
    }
    if let Some(key) = key {
        insert_key(c, no, key)?;
    }
    Ok(Ok(()))
}

pub(crate) fn insert_key(c: &mut SqliteConnection, owner: ClientNo, key: &KeyRecord) -> QueryResult<()> {
    diesel::insert_into(api_key::table)
        .values((
            api_key::id.eq(key.id.as_str()),
            api_key::client.eq(owner.0.cast_signed()),
            api_key::digest.eq(key.digest.0.as_slice()),
            api_key::created_at.eq(key.created_at.as_micros()),
            api_key::expires_at.eq(key.expires_at.map(Timestamp::as_micros)),
        ))
        .execute(c)?;
    Ok(())
}

/// Inserts a client's row and its limits; 0 if there is one already, which stays as it is.
fn insert_row(c: &mut SqliteConnection, no: ClientNo, new: &Client, email: &KeptEmail) -> QueryResult<usize> {
    let inserted = diesel::insert_into(client::table)
        .values((
            client::no.eq(no.0.cast_signed()),
            client::name.eq(new.name.as_str()),
            client::email.eq(email.plain.as_deref()),
            client::email_sealed.eq(email.sealed.as_deref()),
            client::email_index.eq(email.index.as_deref()),
            client::role.eq(new.role.as_str()),
            client::rate_limit.eq(i64::from(new.rate_limit.get())),
            client::is_active.eq(new.is_active),
            client::created_at.eq(new.created_at.as_micros()),
        ))
        .on_conflict(client::no)
        .do_nothing()
        .execute(c)?;
    if inserted == 1 && !new.limits.as_slice().is_empty() {
        limits::replace(c, no.0.cast_signed(), &new.limits)?;
    }
    Ok(inserted)
}

/// A client's row with what other tables hold of it.
pub(crate) fn with_limits(
    c: &mut SqliteConnection,
    emails: &Emails,
    row: ClientRow,
) -> Result<Client, Failure> {
    let limits = limits::of(c, row.no)?;
    Ok(row.parse(emails, limits)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = client)]
pub(crate) struct ClientRow {
    pub no: i64,
    #[diesel(select_expression = client_number::id)]
    id: String,
    name: String,
    email: Option<String>,
    email_sealed: Option<Vec<u8>>,
    role: String,
    rate_limit: i64,
    is_active: bool,
    created_at: i64,
}

impl ClientRow {
    fn parse(self, emails: &Emails, limits: ClientLimits) -> Result<Client, StoreError> {
        let bad = |column: &'static str| {
            let id = self.id.clone();
            move |error: Invalid| corrupt("client", column, &id, &error)
        };
        let id = ClientId::parse(&self.id).map_err(bad("id"))?;
        let email = emails.read(&id, self.email.as_deref(), self.email_sealed.as_deref());
        Ok(Client {
            id,
            name: ClientName::parse(&self.name).map_err(bad("name"))?,
            email: email.map_err(bad("email"))?,
            role: Role::parse(&self.role).map_err(bad("role"))?,
            rate_limit: RateLimit::parse(self.rate_limit).map_err(bad("rate_limit"))?,
            limits,
            is_active: self.is_active,
            created_at: Timestamp::from_micros(self.created_at).map_err(bad("created_at"))?,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_key)]
pub(crate) struct KeyRow {
    id: String,
    digest: Vec<u8>,
    created_at: i64,
    expires_at: Option<i64>,
}

impl TryFrom<KeyRow> for KeyRecord {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let bad = |column: &'static str| {
            let id = row.id.clone();
            move |error: Invalid| corrupt("api_key", column, &id, &error)
        };
        let digest = row.digest.try_into().map_err(|_| Invalid::new("is not 32 bytes long"));
        Ok(Self {
            id: KeyId::parse(&row.id).map_err(bad("id"))?,
            digest: KeyDigest(digest.map_err(bad("digest"))?),
            created_at: Timestamp::from_micros(row.created_at).map_err(bad("created_at"))?,
            expires_at: row.expires_at.map(Timestamp::from_micros).transpose().map_err(bad("expires_at"))?,
        })
    }
}
