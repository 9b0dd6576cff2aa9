//! Emails of clients: sealed, if there is a vault for it. Those that an earlier program left in clear are brought
//! over at a start.

use activity_domain::audit::Sealed;
use activity_domain::client::Email;
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::ClientId;
use activity_domain::service::{EmailVault, Emails, KeptEmail};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::{client, client_number, index_key};
use crate::store::SqliteStore;

/// The name of the key in its table.
pub(crate) const INDEX_KEY: &str = "email";
/// Emails that are brought over in one transaction.
const BATCH: i64 = 200;

/// An email as it is to be stored.
pub(crate) fn keep(
    c: &mut SqliteConnection,
    emails: &Emails,
    id: &ClientId,
    email: Option<&Email>,
) -> Result<KeptEmail, Failure> {
    let key = match (email, emails.vault()) {
        (Some(_), Some(vault)) => Some(find_or_make_key(c, vault)?),
        _ => None,
    };
    Ok(emails.keep(id, email, key.as_ref())?)
}

/// Whether a client has this email; `but` does not count.
pub(crate) fn is_taken(
    c: &mut SqliteConnection,
    email: &Email,
    kept: &KeptEmail,
    but: Option<i64>,
) -> QueryResult<bool> {
    let same = client::email.eq(email.as_str()).or(client::email_index.eq(kept.index.as_deref()));
    // No client has the number 0.
    let others = client::table.filter(same).filter(client::no.ne(but.unwrap_or(0)));
    Ok(others.count().get_result::<i64>(c)? > 0)
}

/// The key of the index, if there is one.
pub(crate) fn key(c: &mut SqliteConnection) -> Result<Option<Sealed>, Failure> {
    let key: Option<Vec<u8>> =
        index_key::table.find(INDEX_KEY).select(index_key::sealed).first(c).optional()?;
    let bad = |error: Invalid| corrupt("index_key", "sealed", &INDEX_KEY, &error);
    Ok(key.map(Sealed::parse).transpose().map_err(bad)?)
}

fn find_or_make_key(c: &mut SqliteConnection, vault: &EmailVault) -> Result<Sealed, Failure> {
    if let Some(key) = key(c)? {
        return Ok(key);
    }
    let key = vault.make_index_key().map_err(|error| StoreError::Refused(error.0))?;
    let row = (index_key::name.eq(INDEX_KEY), index_key::sealed.eq(key.as_bytes()));
    diesel::insert_into(index_key::table).values(row).execute(c)?;
    Ok(key)
}

impl SqliteStore {
    /// Refuses a store whose emails need a key that is not at hand, and seals those that are in clear.
    pub(crate) async fn seal_emails(&self) -> Result<(), StoreError> {
        let Some(vault) = self.emails.vault().cloned() else { return Ok(()) };
        if let Some(key) = self.read(key).await? {
            vault.check(&key)?;
        }
        let (mut after, mut sealed) = (0, 0);
        loop {
            let emails = self.emails.clone();
            let batch = self.write(move |c| bring_over(c, &emails, after)).await?;
            let Some(batch) = batch else { break };
            (after, sealed) = (batch.last, sealed + batch.sealed);
        }
        if sealed > 0 {
            tracing::info!(emails = sealed, "emails that were in clear are sealed");
        }
        Ok(())
    }
}

struct Batch {
    last: i64,
    sealed: u64,
}

#[derive(Queryable)]
struct Clear {
    no: i64,
    id: String,
    email: Option<String>,
}

/// Seals the next few emails that are in clear; `None` if there are no more.
fn bring_over(c: &mut SqliteConnection, emails: &Emails, after: i64) -> Result<Option<Batch>, Failure> {
    let rows = client::table.inner_join(client_number::table);
    let rows = rows.filter(client::email.is_not_null()).filter(client::no.gt(after));
    let rows: Vec<Clear> =
        rows.order(client::no).limit(BATCH).select((client::no, client_number::id, client::email)).load(c)?;
    let Some(last) = rows.last().map(|row| row.no) else { return Ok(None) };
    let mut sealed = 0;
    for Clear { no, id, email } in rows {
        let bad = |error: Invalid| corrupt("client", "email", &id, &error);
        let email = Email::parse(&email.unwrap_or_default()).map_err(bad)?;
        let id = ClientId::parse(&id).map_err(|error| corrupt("client", "id", &id, &error))?;
        let kept = keep(c, emails, &id, Some(&email))?;
        let twin = client::table.filter(client::email_index.eq(kept.index.as_deref())).count();
        if twin.get_result::<i64>(c)? > 0 {
            tracing::warn!(client = %id, "its email is another client's too, and stays in clear: change one");
            continue;
        }
        diesel::update(client::table.find(no))
            .set((
                client::email.eq(None::<String>),
                client::email_sealed.eq(kept.sealed),
                client::email_index.eq(kept.index),
            ))
            .execute(c)?;
        sealed += 1;
    }
    if sealed > 0 {
        clean(c)?;
    }
    Ok(Some(Batch { last, sealed }))
}

/// Has old copies of rows overwritten in the whole file, as after a client was erased: no client has this number.
fn clean(c: &mut SqliteConnection) -> QueryResult<()> {
    diesel::sql_query("INSERT OR REPLACE INTO erasing (client, at, is_unnamed) VALUES (-1, ?, 1)")
        .bind::<BigInt, _>(i64::MAX)
        .execute(c)?;
    Ok(())
}
