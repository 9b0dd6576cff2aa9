//! `SealedStore`: everything that is sealed, under the key that seals now, in pieces.

use activity_domain::audit::Sealed;
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::port::{Resealed, Resealing, SealedStore};
use activity_domain::service::EmailVault;
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use uuid::Uuid;

use crate::emails::{self, INDEX_KEY};
use crate::error::{Failure, corrupt};
use crate::log::Key;
use crate::schema::{client, client_number, index_key};
use crate::store::SqliteStore;

/// Trails that are looked at in one transaction, some megabytes at most.
const TRAILS: i64 = 50;
/// The same of emails.
const EMAILS: i64 = 200;

impl SealedStore for SqliteStore {
    fn resealing(&self) -> Box<dyn Resealing> {
        Box::new(Pass { store: self.clone(), place: Place::Trails((i64::MIN, i64::MIN, Vec::new())) })
    }
}

/// One way through the store. The key of the index comes last: as long as it is sealed with an old key, no start
/// does without that key.
struct Pass {
    store: SqliteStore,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// Behind the trail with this key.
    Trails(Key),
    /// Behind the client with this number.
    Emails(i64),
    IndexKey,
    End,
}

#[async_trait]
impl Resealing for Pass {
    async fn step(&mut self) -> Result<Resealed, StoreError> {
        let Some(vault) = self.store.emails.vault().cloned() else { return Ok(Resealed::default()) };
        let place = self.place.clone();
        let (done, next) = self.store.write(move |c| step(c, &vault, place)).await?;
        self.place = next;
        Ok(Resealed { more: !matches!(self.place, Place::End), ..done })
    }
}

fn step(c: &mut SqliteConnection, vault: &EmailVault, place: Place) -> Result<(Resealed, Place), Failure> {
    match place {
        Place::Trails(after) => trails(c, vault, &after),
        Place::Emails(after) => client_emails(c, vault, after),
        Place::IndexKey => key(c, vault),
        Place::End => Ok((Resealed::default(), Place::End)),
    }
}

#[derive(QueryableByName)]
struct Trail {
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = BigInt)]
    client: i64,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    name: String,
    /// `None` if there is nothing to be done: it is sealed with the present key, or about to go with its client.
    #[diesel(sql_type = Nullable<Binary>)]
    audit: Option<Vec<u8>>,
}

fn trails(c: &mut SqliteConnection, vault: &EmailVault, after: &Key) -> Result<(Resealed, Place), Failure> {
    let mark = vault.mark();
    let rows: Vec<Trail> = diesel::sql_query(
        "SELECT b.at, b.client, b.id, n.id AS name, \
             CASE WHEN substr(b.audit, 1, ?) = ? OR b.client IN (SELECT client FROM erasing) THEN NULL \
             ELSE b.audit END AS audit \
         FROM activity_body b JOIN client_number n ON n.no = b.client \
         WHERE (b.at, b.client, b.id) > (?, ?, ?) ORDER BY b.at, b.client, b.id LIMIT ?",
    )
    .bind::<BigInt, _>(i64::try_from(mark.len()).unwrap_or(i64::MAX))
    .bind::<Binary, _>(&mark)
    .bind::<BigInt, _>(after.0)
    .bind::<BigInt, _>(after.1)
    .bind::<Binary, _>(&after.2)
    .bind::<BigInt, _>(TRAILS)
    .load(c)?;
    let next = rows.last().map(|row| Place::Trails((row.at, row.client, row.id.clone())));
    let mut done = Resealed::default();
    for row in &rows {
        let Some(audit) = &row.audit else { continue };
        let bad = |error: Invalid| corrupt("activity_body", "audit", &row.at, &error);
        let sealed = Sealed::parse(audit.as_slice()).map_err(bad)?;
        let name = ClientId::parse(&row.name).map_err(bad)?;
        let id = ActivityId(Uuid::from_slice(&row.id).unwrap_or_default());
        let at = Timestamp::from_micros(row.at).map_err(bad)?;
        match vault.reseal_trail((&name, id, at), &sealed) {
            Ok(None) => {}
            Ok(Some(sealed)) => {
                diesel::sql_query(
                    "UPDATE activity_body SET audit = ? WHERE at = ? AND client = ? AND id = ?",
                )
                .bind::<Binary, _>(sealed.as_bytes())
                .bind::<BigInt, _>(row.at)
                .bind::<BigInt, _>(row.client)
                .bind::<Binary, _>(&row.id)
                .execute(c)?;
                done.trails += 1;
            }
            Err(_) => done.unopened += 1,
        }
    }
    Ok((done, next.unwrap_or(Place::Emails(0))))
}

fn client_emails(
    c: &mut SqliteConnection,
    vault: &EmailVault,
    after: i64,
) -> Result<(Resealed, Place), Failure> {
    let rows = client::table.inner_join(client_number::table);
    let rows = rows.filter(client::email_sealed.is_not_null()).filter(client::no.gt(after));
    let rows: Vec<(i64, String, Option<Vec<u8>>)> = rows
        .order(client::no)
        .limit(EMAILS)
        .select((client::no, client_number::id, client::email_sealed))
        .load(c)?;
    let next = rows.last().map(|(no, ..)| Place::Emails(*no));
    let mut done = Resealed::default();
    for (no, id, email) in rows {
        let bad = |error: Invalid| corrupt("client", "email_sealed", &id, &error);
        let sealed = Sealed::parse(email.unwrap_or_default()).map_err(bad)?;
        match vault.reseal_email(&ClientId::parse(&id).map_err(bad)?, &sealed) {
            Ok(None) => {}
            Ok(Some(sealed)) => {
                let sealed = client::email_sealed.eq(sealed.as_bytes());
                diesel::update(client::table.find(no)).set(sealed).execute(c)?;
                done.emails += 1;
            }
            Err(_) => done.unopened += 1,
        }
    }
    Ok((done, next.unwrap_or(Place::IndexKey)))
}

fn key(c: &mut SqliteConnection, vault: &EmailVault) -> Result<(Resealed, Place), Failure> {
    let mut done = Resealed::default();
    if let Some(key) = emails::key(c)? {
        match vault.reseal_index_key(&key) {
            Ok(None) => {}
            Ok(Some(key)) => {
                let sealed = index_key::sealed.eq(key.as_bytes());
                diesel::update(index_key::table.find(INDEX_KEY)).set(sealed).execute(c)?;
            }
            Err(_) => done.unopened += 1,
        }
    }
    Ok((done, Place::End))
}
