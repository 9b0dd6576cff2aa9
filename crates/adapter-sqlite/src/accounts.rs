//! Clients with their keys: shown, changed, and used.

use std::collections::HashMap;

use activity_domain::act::{Act, Signature};
use activity_domain::client::{Client, ClientChange};
use activity_domain::error::{AddKeyError, Invalid, UpdateError};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::key::KeyRecord;
use activity_domain::port::{Account, HeldKey, MAX_KEYS};
use activity_domain::rollup::ClientNo;
use activity_domain::service::{Emails, KeptEmail};
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::acts;
use crate::changes;
use crate::clients::{ClientRow, KeyRow, insert_key, with_limits};
use crate::emails::{is_taken, keep};
use crate::error::{Failure, corrupt};
use crate::limits;
use crate::schema::{api_key, client, client_number};

/// The number of a client that exists.
pub(crate) fn number(c: &mut SqliteConnection, id: &ClientId) -> QueryResult<Option<ClientNo>> {
    let found = client::table.inner_join(client_number::table).filter(client_number::id.eq(id.as_str()));
    let no: Option<i64> = found.select(client::no).get_result(c).optional()?;
    Ok(no.map(|no| ClientNo(no.cast_unsigned())))
}

type Row = (Option<i64>, ClientRow);

pub(crate) fn get(
    c: &mut SqliteConnection,
    emails: &Emails,
    id: &ClientId,
) -> Result<Option<Account>, Failure> {
    let found = client::table.inner_join(client_number::table).filter(client_number::id.eq(id.as_str()));
    let rows = found.select((client::last_access_at, ClientRow::as_select())).load::<Row>(c)?;
    Ok(with_keys(c, emails, rows)?.pop())
}

pub(crate) fn list(
    c: &mut SqliteConnection,
    emails: &Emails,
    after: Option<&ClientId>,
    limit: usize,
) -> Result<Vec<Account>, Failure> {
    let rows: Vec<Row> = client::table
        .inner_join(client_number::table)
        // Every id comes after the empty text.
        .filter(client_number::id.gt(after.map_or("", ClientId::as_str)))
        .order(client_number::id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((client::last_access_at, ClientRow::as_select()))
        .load(c)?;
    with_keys(c, emails, rows)
}

fn with_keys(c: &mut SqliteConnection, emails: &Emails, rows: Vec<Row>) -> Result<Vec<Account>, Failure> {
    let mut keys = keys(c, &rows.iter().map(|(_, row)| row.no).collect::<Vec<_>>())?;
    let account = |(last, row): Row| {
        let no = row.no;
        let bad = |error: Invalid| corrupt("client", "last_access_at", &no, &error);
        let last_access_at = last.map(Timestamp::from_micros).transpose().map_err(bad)?;
        Ok(Account {
            client: with_limits(c, emails, row)?,
            last_access_at,
            keys: keys.remove(&no).unwrap_or_default(),
        })
    };
    rows.into_iter().map(account).collect()
}

/// Keys per client's number. A page of clients fits into the parameters of one statement.
fn keys(c: &mut SqliteConnection, clients: &[i64]) -> Result<HashMap<i64, Vec<HeldKey>>, Failure> {
    let rows: Vec<(i64, Option<i64>, KeyRow)> = api_key::table
        .filter(api_key::client.eq_any(clients))
        .order((api_key::client, api_key::created_at, api_key::id))
        .select((api_key::client, api_key::last_used_at, KeyRow::as_select()))
        .load(c)?;
    let mut keys: HashMap<i64, Vec<HeldKey>> = HashMap::new();
    for (client, last, row) in rows {
        let bad = |error: Invalid| corrupt("api_key", "last_used_at", &client, &error);
        let last_used_at = last.map(Timestamp::from_micros).transpose().map_err(bad)?;
        keys.entry(client).or_default().push(HeldKey { record: row.try_into()?, last_used_at });
    }
    Ok(keys)
}

type Updated = Result<Option<Client>, UpdateError>;

/// A refusal is an answer, not a failure of the transaction: nothing was written before it is known.
pub(crate) fn update(
    c: &mut SqliteConnection,
    emails: &Emails,
    by: Option<&Signature>,
    id: &ClientId,
    change: &ClientChange,
    now: Timestamp,
) -> Result<Updated, Failure> {
    let Some(no) = number(c, id)? else { return Ok(Ok(None)) };
    let no = no.0.cast_signed();
    let Some(Account { client: before, .. }) = get(c, emails, id)? else { return Ok(Ok(None)) };
    if let Some(email) = &change.email {
        let kept = keep(c, emails, id, Some(email))?;
        if is_taken(c, email, &kept, Some(no))? {
            return Ok(Err(UpdateError::EmailTaken));
        }
        set_email(c, no, kept)?;
    }
    let mut changed = before.clone();
    change.apply(&mut changed);
    diesel::update(client::table.find(no))
        .set((
            client::name.eq(changed.name.as_str()),
            client::role.eq(changed.role.as_str()),
            client::rate_limit.eq(i64::from(changed.rate_limit.get())),
            client::is_active.eq(changed.is_active),
        ))
        .execute(c)?;
    if change.limits.is_some() {
        limits::replace(c, no, &changed.limits)?;
    }
    acts::write_down(c, by, || Act::changed(&before, &changed, change))?;
    changes::note(c, id, now)?;
    Ok(Ok(Some(changed)))
}

/// What nobody changes stays as it is, sealed with whichever key.
fn set_email(c: &mut SqliteConnection, no: i64, kept: KeptEmail) -> QueryResult<()> {
    let KeptEmail { plain, sealed, index } = kept;
    diesel::update(client::table.find(no))
        .set((client::email.eq(plain), client::email_sealed.eq(sealed), client::email_index.eq(index)))
        .execute(c)?;
    Ok(())
}

type Added = Result<(), AddKeyError>;

pub(crate) fn add_key(
    c: &mut SqliteConnection,
    id: &ClientId,
    key: &KeyRecord,
    overlap: Option<Timestamp>,
) -> Result<Added, Failure> {
    let Some(no) = number(c, id)? else { return Ok(Err(AddKeyError::NoSuchClient)) };
    let same = api_key::digest.eq(key.digest.0.as_slice()).or(api_key::id.eq(key.id.as_str()));
    if api_key::table.filter(same).count().get_result::<i64>(c)? > 0 {
        return Ok(Err(AddKeyError::IdTaken));
    }
    let now = key.created_at.as_micros();
    let ends: Vec<Option<i64>> =
        api_key::table.filter(api_key::client.eq(no.0.cast_signed())).select(api_key::expires_at).load(c)?;
    let overlap = overlap.map(Timestamp::as_micros);
    let is_live = |end: &&Option<i64>| end.iter().chain(&overlap).min().is_none_or(|end| *end > now);
    if ends.iter().filter(is_live).count() >= MAX_KEYS {
        return Ok(Err(AddKeyError::TooMany));
    }
    let own = api_key::table.filter(api_key::client.eq(no.0.cast_signed()));
    if let Some(overlap) = overlap {
        let longer = own.filter(api_key::expires_at.is_null().or(api_key::expires_at.gt(overlap)));
        diesel::update(longer).set(api_key::expires_at.eq(overlap)).execute(c)?;
    }
    diesel::delete(own.filter(api_key::expires_at.le(now))).execute(c)?;
    insert_key(c, no, key)?;
    changes::note(c, id, key.created_at)?;
    Ok(Ok(()))
}

pub(crate) fn revoke_key(
    c: &mut SqliteConnection,
    id: &ClientId,
    key: &KeyId,
    now: Timestamp,
) -> QueryResult<bool> {
    let Some(no) = number(c, id)? else { return Ok(false) };
    let own = api_key::table.find(key.as_str()).filter(api_key::client.eq(no.0.cast_signed()));
    let revoked = diesel::delete(own).execute(c)? > 0;
    if revoked {
        changes::note(c, id, now)?;
    }
    Ok(revoked)
}

pub(crate) fn touch(c: &mut SqliteConnection, uses: &[(KeyId, Timestamp)]) -> QueryResult<()> {
    for (key, at) in uses {
        let at = at.as_micros();
        let key = api_key::table.find(key.as_str());
        let Some(owner) = key.select(api_key::client).get_result::<i64>(c).optional()? else { continue };
        let earlier = api_key::last_used_at.is_null().or(api_key::last_used_at.lt(at));
        diesel::update(key.filter(earlier)).set(api_key::last_used_at.eq(at)).execute(c)?;
        let earlier = client::last_access_at.is_null().or(client::last_access_at.lt(at));
        let owner = client::table.find(owner).filter(earlier);
        diesel::update(owner).set(client::last_access_at.eq(at)).execute(c)?;
    }
    Ok(())
}
