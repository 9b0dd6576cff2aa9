//! `SealedStore`: everything that is sealed, under the key that seals now, in pieces.

use activity_domain::audit::Sealed;
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::port::{Resealed, Resealing, SealedStore};
use activity_domain::service::EmailVault;
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::emails::{self, INDEX_KEY};
use crate::error::{Failure, corrupt};
use crate::schema::{client, client_number, index_key};
use crate::store::PostgresStore;

/// Pages of raw rows that are looked at in one transaction: a thousand rows and their trails at most.
const PAGES: i64 = 8;
/// Emails that are.
const EMAILS: i64 = 500;

impl SealedStore for PostgresStore {
    fn resealing(&self) -> Box<dyn Resealing> {
        Box::new(Pass { store: self.clone(), place: Place::Days(None) })
    }
}

/// One way through the store. The key of the index comes last: as long as it is sealed with an old key, no start
/// does without that key.
struct Pass {
    store: PostgresStore,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// A day of raw rows, by the name of its partition, and its page. None: before the first.
    Days(Option<(String, i64)>),
    /// Behind the client with this number.
    Emails(i64),
    IndexKey,
    End,
}

#[async_trait]
impl Resealing for Pass {
    async fn step(&mut self) -> Result<Resealed, StoreError> {
        let Some(vault) = self.store.vault() else { return Ok(Resealed::default()) };
        let place = self.place.clone();
        let work = self.store.write(move |c| Box::pin(async move { step(c, &vault, place).await }));
        let (done, next) = work.await?;
        self.place = next;
        Ok(Resealed { more: !matches!(self.place, Place::End), ..done })
    }
}

async fn step(
    c: &mut AsyncPgConnection,
    vault: &EmailVault,
    place: Place,
) -> Result<(Resealed, Place), Failure> {
    match place {
        Place::Days(None) => Ok((Resealed::default(), next_day(c, "").await?)),
        Place::Days(Some((day, page))) => match pages(c, &day).await? {
            Some(pages) if page < pages => {
                let done = trails(c, vault, &day, page).await?;
                Ok((done, Place::Days(Some((day, page + PAGES)))))
            }
            // It is done, or was dropped.
            _ => Ok((Resealed::default(), next_day(c, &day).await?)),
        },
        Place::Emails(after) => client_emails(c, vault, after).await,
        Place::IndexKey => key(c, vault).await,
        Place::End => Ok((Resealed::default(), Place::End)),
    }
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Names have the date in them, so that they are in order of time.
async fn next_day(c: &mut AsyncPgConnection, after: &str) -> QueryResult<Place> {
    let found = diesel::sql_query(
        "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'activity'::regclass AND c.relname > $1::name \
             AND c.relname ~ '^activity_[0-9]{8}$' ORDER BY c.relname LIMIT 1",
    );
    let found: Option<Name> = found.bind::<Text, _>(after).get_result(c).await.optional()?;
    Ok(found.map_or(Place::Emails(0), |day| Place::Days(Some((day.name, 0)))))
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = Nullable<BigInt>)]
    pages: Option<i64>,
}

/// How many pages a day has; `None` if it is not there.
async fn pages(c: &mut AsyncPgConnection, day: &str) -> QueryResult<Option<i64>> {
    let found = diesel::sql_query(
        "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint AS pages",
    );
    Ok(found.bind::<Text, _>(day).get_result::<Pages>(c).await?.pages)
}

#[derive(QueryableByName)]
struct Trail {
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = BigInt)]
    client: i64,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Binary)]
    audit: Vec<u8>,
}

/// Those on some pages of a day. Rows that are written anew go to other pages, which are looked at too.
async fn trails(
    c: &mut AsyncPgConnection,
    vault: &EmailVault,
    day: &str,
    page: i64,
) -> Result<Resealed, Failure> {
    let (mark, end) = (vault.mark(), page + PAGES);
    // The name has the shape that `next_day` looks for, so that it needs no quotes. Of a long trail that lies
    // beside its row, only the beginning is read where nothing is to be done.
    let rows: Vec<Trail> = diesel::sql_query(format!(
        "SELECT a.at, a.client, a.id, n.id AS name, a.audit \
         FROM {day} a JOIN client_number n ON n.no = a.client \
         WHERE a.ctid >= '({page},0)'::tid AND a.ctid < '({end},0)'::tid AND a.audit IS NOT NULL \
             AND substring(a.audit FROM 1 FOR {}) <> $1 AND a.client NOT IN (SELECT client FROM erasing)",
        mark.len()
    ))
    .bind::<Binary, _>(mark)
    .load(c)
    .await?;
    let mut done = Resealed::default();
    for Trail { at, client, id, name, audit } in rows {
        let bad = |error: Invalid| corrupt("activity", "audit", &at, &error);
        let sealed = Sealed::parse(audit).map_err(bad)?;
        let name = ClientId::parse(&name).map_err(bad)?;
        let place = (&name, ActivityId(id), Timestamp::from_micros(at).map_err(bad)?);
        match vault.reseal_trail(place, &sealed) {
            Ok(None) => {}
            Ok(Some(sealed)) => {
                let update = format!("UPDATE {day} SET audit = $1 WHERE client = $2 AND at = $3 AND id = $4");
                diesel::sql_query(update)
                    .bind::<Binary, _>(sealed.as_bytes())
                    .bind::<BigInt, _>(client)
                    .bind::<BigInt, _>(at)
                    .bind::<SqlUuid, _>(id)
                    .execute(c)
                    .await?;
                done.trails += 1;
            }
            Err(_) => done.unopened += 1,
        }
    }
    Ok(done)
}

async fn client_emails(
    c: &mut AsyncPgConnection,
    vault: &EmailVault,
    after: i64,
) -> Result<(Resealed, Place), Failure> {
    let rows = client::table.inner_join(client_number::table);
    let rows = rows.filter(client::email_sealed.is_not_null()).filter(client::no.gt(after));
    let rows: Vec<(i64, String, Option<Vec<u8>>)> = rows
        .order(client::no)
        .limit(EMAILS)
        .select((client::no, client_number::id, client::email_sealed))
        .load(c)
        .await?;
    let next = rows.last().map(|(no, ..)| Place::Emails(*no));
    let mut done = Resealed::default();
    for (no, id, email) in rows {
        let bad = |error: Invalid| corrupt("client", "email_sealed", &id, &error);
        let before = Sealed::parse(email.unwrap_or_default()).map_err(bad)?;
        match vault.reseal_email(&ClientId::parse(&id).map_err(bad)?, &before) {
            Ok(None) => {}
            Ok(Some(sealed)) => {
                // An admin may have given the client another one meanwhile.
                let same = client::table.find(no).filter(client::email_sealed.eq(before.as_bytes()));
                let sealed = client::email_sealed.eq(sealed.as_bytes());
                done.emails += diesel::update(same).set(sealed).execute(c).await? as u64;
            }
            Err(_) => done.unopened += 1,
        }
    }
    Ok((done, next.unwrap_or(Place::IndexKey)))
}

async fn key(c: &mut AsyncPgConnection, vault: &EmailVault) -> Result<(Resealed, Place), Failure> {
    let mut done = Resealed::default();
    if let Some(key) = emails::key(c).await? {
        match vault.reseal_index_key(&key) {
            Ok(None) => {}
            Ok(Some(key)) => {
                let sealed = index_key::sealed.eq(key.as_bytes());
                diesel::update(index_key::table.find(INDEX_KEY)).set(sealed).execute(c).await?;
            }
            Err(_) => done.unopened += 1,
        }
    }
    Ok((done, Place::End))
}
