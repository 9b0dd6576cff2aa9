//! Clients and their keys.

use std::collections::BTreeMap;
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
use diesel::result::Error;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::{Failure, Refusal, corrupt, taken};
use crate::locks::Lock;
use crate::schema::{api_key, client, client_number};
use crate::store::PostgresStore;
use crate::{accounts, acts, changes, emails, erase, limits, numbers};

#[async_trait]
impl ClientRepo for PostgresStore {
    fn signed(&self, by: Signature) -> Arc<dyn ClientRepo> {
        Arc::new(self.signed_by(by))
    }

    async fn insert(&self, new: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError> {
        let (new, key, emails, by) = (new.clone(), key.cloned(), self.emails(), self.signature.clone());
        self.write(move |c| {
            Box::pin(async move { insert(c, &emails, by.as_ref(), &new, key.as_ref()).await })
        })
        .await
    }

    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError> {
        if clients.iter().any(|client| client.email.is_some()) {
            return Err(InsertError::EmailTaken);
        }
        let clients = clients.to_vec();
        let made = self.write(move |c| Box::pin(async move { insert_missing(c, &clients).await }));
        Ok(made.await?)
    }

    async fn by_id(&self, id: &ClientId, read: Read) -> Result<Option<Client>, StoreError> {
        let (id, emails) = (id.clone(), self.emails());
        self.read(read, move |c| {
            Box::pin(async move {
                let found =
                    client::table.inner_join(client_number::table).filter(client_number::id.eq(id.as_str()));
                let row = found.select(ClientRow::as_select()).first(c).await.optional()?;
                with_limits(c, &emails, row).await
            })
        })
        .await
    }

    async fn by_key(
        &self,
        digest: &KeyDigest,
        read: Read,
    ) -> Result<Option<(Client, KeyRecord)>, StoreError> {
        let (digest, emails) = (digest.0, self.emails());
        self.read(read, move |c| Box::pin(async move { by_key(c, &emails, &digest).await })).await
    }

    async fn update(
        &self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError> {
        let (id, change, emails, by) = (id.clone(), change.clone(), self.emails(), self.signature.clone());
        self.write(move |c| {
            Box::pin(async move { accounts::update(c, &emails, by.as_ref(), &id, &change, now).await })
        })
        .await
    }

    async fn account(&self, id: &ClientId, read: Read) -> Result<Option<Account>, StoreError> {
        let (id, emails) = (id.clone(), self.emails());
        self.read(read, move |c| Box::pin(async move { accounts::get(c, &emails, &id).await })).await
    }

    async fn list(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        read: Read,
    ) -> Result<Vec<Account>, StoreError> {
        let (after, emails) = (after.cloned(), self.emails());
        self.read(read, move |c| {
            Box::pin(async move { accounts::list(c, &emails, after.as_ref(), limit).await })
        })
        .await
    }

    async fn add_key(
        &self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError> {
        let (id, key, by) = (id.clone(), key.clone(), self.signature.clone());
        self.write(move |c| {
            Box::pin(async move { accounts::add_key(c, by.as_ref(), &id, &key, overlap).await })
        })
        .await
    }

    async fn revoke_key(&self, id: &ClientId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let (id, key, by) = (id.clone(), key.clone(), self.signature.clone());
        self.write(move |c| {
            Box::pin(async move { accounts::revoke_key(c, by.as_ref(), &id, &key, now).await })
        })
        .await
    }

    async fn erase(&self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        let (id, anonymous, by) = (id.clone(), anonymous.clone(), self.signature.clone());
        self.write(move |c| Box::pin(async move { erase::erase(c, by.as_ref(), &id, &anonymous, now).await }))
            .await
    }

    async fn touch(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.write(move |c| Box::pin(async move { accounts::touch(c, &uses).await })).await
    }

    async fn changes_since(&self, version: u64) -> Result<Changes, StoreError> {
        self.read(Read::Latest, move |c| Box::pin(async move { changes::since(c, version).await })).await
    }
}

/// Nothing is looked up beforehand that the constraints tell: of two at once, one is told.
async fn insert(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    by: Option<&Signature>,
    new: &Client,
    key: Option<&KeyRecord>,
) -> Result<(), Refusal<InsertError>> {
    Lock::Gate.shared(c).await?;
    let numbers = numbers::find_or_make(c, [&new.id]).await?;
    let no = *numbers.get(&new.id).ok_or(Refusal::Because(InsertError::IdTaken))?;
    let kept = emails::keep(c, emails, &new.id, new.email.as_ref()).await?;
    if emails::is_taken_in_clear(c, new.email.as_ref(), &kept, no.0.cast_signed()).await? {
        return Err(Refusal::Because(InsertError::EmailTaken));
    }
    let row = NewClient::of(no, new, &kept);
    diesel::insert_into(client::table).values(row).execute(c).await.map_err(second)?;
    insert_limits(c, no, new).await?;
    if let Some(key) = key {
        insert_key(c, no, key).await.map_err(second)?;
    }
    acts::write_down(c, by, || Act::registered(new, key)).await?;
    Ok(())
}

/// What it means that a client or a key is the second of its kind.
fn second(error: Error) -> Refusal<InsertError> {
    match taken(&error) {
        _ if emails::is_second(&error) => Refusal::Because(InsertError::EmailTaken),
        Some("client_pkey" | "api_key_pkey" | "api_key_digest_key") => Refusal::Because(InsertError::IdTaken),
        _ => error.into(),
    }
}

/// Rows in one statement, which has 65,535 parameters at most.
const CHUNK: usize = 5_000;

async fn insert_missing(c: &mut AsyncPgConnection, clients: &[Client]) -> Result<u64, Failure> {
    Lock::Gate.shared(c).await?;
    let numbers = numbers::find_or_make(c, clients.iter().map(|client| &client.id)).await?;
    // In the order of their numbers, so that two who do this at once do not wait for each other.
    let mut new: BTreeMap<i64, (ClientNo, &Client)> = BTreeMap::new();
    for client in clients {
        if let Some(no) = numbers.get(&client.id) {
            new.entry(no.0.cast_signed()).or_insert((*no, client));
        }
    }
    let none = KeptEmail::default();
    let rows: Vec<NewClient> = new.values().map(|(no, client)| NewClient::of(*no, client, &none)).collect();
    let mut made = 0;
    for chunk in rows.chunks(CHUNK) {
        let inserted: Vec<i64> = diesel::insert_into(client::table)
            .values(chunk)
            .on_conflict(client::no)
            .do_nothing()
            .returning(client::no)
            .load(c)
            .await?;
        made += inserted.len() as u64;
        for (no, client) in inserted.iter().filter_map(|no| new.get(no)) {
            insert_limits(c, *no, client).await?;
        }
    }
    Ok(made)
}

pub(crate) async fn insert_key(
    c: &mut AsyncPgConnection,
    owner: ClientNo,
    key: &KeyRecord,
) -> QueryResult<()> {
    diesel::insert_into(api_key::table)
        .values((
            api_key::id.eq(key.id.as_str()),
            api_key::client.eq(owner.0.cast_signed()),
            api_key::digest.eq(key.digest.0.as_slice()),
            api_key::created_at.eq(key.created_at.as_micros()),
            api_key::expires_at.eq(key.expires_at.map(Timestamp::as_micros)),
        ))
        .execute(c)
        .await?;
    Ok(())
}

async fn insert_limits(c: &mut AsyncPgConnection, no: ClientNo, new: &Client) -> QueryResult<()> {
    if new.limits.as_slice().is_empty() {
        return Ok(());
    }
    limits::replace(c, no.0.cast_signed(), &new.limits).await
}

#[derive(Insertable)]
#[diesel(table_name = client)]
struct NewClient<'a> {
    no: i64,
    name: &'a str,
    email: Option<&'a str>,
    email_sealed: Option<&'a [u8]>,
    email_index: Option<&'a [u8]>,
    role: &'a str,
    rate_limit: i64,
    is_active: bool,
    created_at: i64,
}

impl<'a> NewClient<'a> {
    fn of(no: ClientNo, new: &'a Client, email: &'a KeptEmail) -> Self {
        Self {
            no: no.0.cast_signed(),
            name: new.name.as_str(),
            email: email.plain.as_deref(),
            email_sealed: email.sealed.as_deref(),
            email_index: email.index.as_deref(),
            role: new.role.as_str(),
            rate_limit: i64::from(new.rate_limit.get()),
            is_active: new.is_active,
            created_at: new.created_at.as_micros(),
        }
    }
}

async fn by_key(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    digest: &[u8],
) -> Result<Option<(Client, KeyRecord)>, Failure> {
    let found = api_key::table
        .inner_join(client::table.inner_join(client_number::table))
        .filter(api_key::digest.eq(digest))
        .select((ClientRow::as_select(), KeyRow::as_select()));
    let row: Option<(ClientRow, KeyRow)> = found.first(c).await.optional()?;
    let Some((client, key)) = row else { return Ok(None) };
    let client = with_limits(c, emails, Some(client)).await?;
    let key = key.try_into()?;
    Ok(client.map(|client| (client, key)))
}

/// A client's row with what other tables hold of it.
pub(crate) async fn with_limits(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    row: Option<ClientRow>,
) -> Result<Option<Client>, Failure> {
    let Some(row) = row else { return Ok(None) };
    let limits = limits::of(c, &[row.no]).await?.remove(&row.no).unwrap_or_default();
    Ok(Some(row.parse(emails, limits)?))
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
    pub fn parse(self, emails: &Emails, limits: ClientLimits) -> Result<Client, StoreError> {
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
