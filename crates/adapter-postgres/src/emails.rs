//! Emails of clients: sealed, if there is a vault for it. Those that an earlier program left in clear are brought
//! over at the first contact.

use activity_domain::audit::Sealed;
use activity_domain::client::Email;
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::ClientId;
use activity_domain::service::{EmailVault, Emails, KeptEmail};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::{Failure, corrupt, taken};
use crate::migrations;
use crate::options::Server;
use crate::schema::{client, client_number, index_key};

/// The name of the key in its table.
pub(crate) const INDEX_KEY: &str = "email";
/// Emails that are read at once to be brought over.
const BATCH: i64 = 500;

/// An email as it is to be stored.
pub(crate) async fn keep(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    id: &ClientId,
    email: Option<&Email>,
) -> Result<KeptEmail, Failure> {
    let key = match (email, emails.vault()) {
        (Some(_), Some(vault)) => Some(find_or_make_key(c, vault).await?),
        _ => None,
    };
    Ok(emails.keep(id, email, key.as_ref())?)
}

/// Whether a client has this email in clear, where it is to be sealed. All else the constraints tell.
pub(crate) async fn is_taken_in_clear(
    c: &mut AsyncPgConnection,
    email: Option<&Email>,
    kept: &KeptEmail,
    but: i64,
) -> QueryResult<bool> {
    let (Some(email), Some(_)) = (email, &kept.index) else { return Ok(false) };
    let others = client::table.filter(client::email.eq(email.as_str())).filter(client::no.ne(but));
    Ok(others.count().get_result::<i64>(c).await? > 0)
}

/// Whether a statement failed because another client has the email.
pub(crate) fn is_second(error: &diesel::result::Error) -> bool {
    matches!(taken(error), Some("client_email_key" | "client_email_index_key"))
}

/// The key of the index, if there is one.
pub(crate) async fn key(c: &mut AsyncPgConnection) -> Result<Option<Sealed>, Failure> {
    let key = index_key::table.find(INDEX_KEY).select(index_key::sealed);
    let key: Option<Vec<u8>> = key.first(c).await.optional()?;
    let bad = |error: Invalid| corrupt("index_key", "sealed", &INDEX_KEY, &error);
    Ok(key.map(Sealed::parse).transpose().map_err(bad)?)
}

async fn find_or_make_key(c: &mut AsyncPgConnection, vault: &EmailVault) -> Result<Sealed, Failure> {
    if let Some(key) = key(c).await? {
        return Ok(key);
    }
    let made = vault.make_index_key().map_err(|error| StoreError::Refused(error.0))?;
    let row = (index_key::name.eq(INDEX_KEY), index_key::sealed.eq(made.as_bytes()));
    // Of several who make one at once, the first has made it.
    diesel::insert_into(index_key::table).values(row).on_conflict_do_nothing().execute(c).await?;
    let lost = || StoreError::Unavailable("the key of the index of emails was made and is gone".to_owned());
    Ok(key(c).await?.ok_or_else(lost)?)
}

/// Refuses a database whose emails need a key that is not at hand, and seals those that are in clear.
pub(crate) async fn settle(server: &Server, emails: &Emails) -> Result<(), StoreError> {
    let Some(vault) = emails.vault() else { return Ok(()) };
    let mut connection = migrations::connect(server).await?;
    if let Some(key) = key(&mut connection).await? {
        vault.check(&key)?;
    }
    let mut after = 0;
    while let Some(last) = bring_over(&mut connection, emails, after).await? {
        after = last;
    }
    Ok(())
}

/// Seals the next few emails that are in clear, and returns the number of the last client; `None` if there are no
/// more. Another instance may be at it too.
async fn bring_over(c: &mut AsyncPgConnection, emails: &Emails, after: i64) -> Result<Option<i64>, Failure> {
    let rows = client::table.inner_join(client_number::table);
    let rows = rows.filter(client::email.is_not_null()).filter(client::no.gt(after));
    let rows: Vec<(i64, String, Option<String>)> = rows
        .order(client::no)
        .limit(BATCH)
        .select((client::no, client_number::id, client::email))
        .load(c)
        .await?;
    let Some(last) = rows.last().map(|(no, ..)| *no) else { return Ok(None) };
    for (no, id, email) in rows {
        let email = email.unwrap_or_default();
        let parsed = Email::parse(&email).map_err(|error| corrupt("client", "email", &id, &error))?;
        let id = ClientId::parse(&id).map_err(|error| corrupt("client", "id", &id, &error))?;
        let kept = keep(c, emails, &id, Some(&parsed)).await?;
        let done = diesel::sql_query(
            "UPDATE client SET email = NULL, email_sealed = $2, email_index = $3 WHERE no = $1 AND email = $4",
        )
        .bind::<BigInt, _>(no)
        .bind::<Binary, _>(kept.sealed.unwrap_or_default())
        .bind::<Binary, _>(kept.index.unwrap_or_default())
        .bind::<Text, _>(email)
        .execute(c)
        .await;
        match done {
            Err(error) if is_second(&error) => {
                tracing::warn!(client = %id, "its email is another client's too, and stays in clear: change one");
            }
            done => {
                done?;
            }
        }
    }
    Ok(Some(last))
}
