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
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::clients::{ClientRow, KeyRow, insert_key};
use crate::error::{Failure, Refusal, corrupt, taken};
use crate::schema::{api_key, client, client_number};
use crate::statement::statement;
use crate::{acts, changes, emails, late, limits, numbers};

/// The number of a client that exists. Until the transaction ends, nobody else changes or erases it.
pub(crate) async fn lock(c: &mut AsyncPgConnection, id: &ClientId) -> QueryResult<Option<ClientNo>> {
    let Some(no) = numbers::find(c, id).await? else { return Ok(None) };
    let row = client::table.find(no.0.cast_signed()).select(client::no).for_update();
    // Whom somebody erased meanwhile is gone.
    Ok(row.first::<i64>(c).await.optional()?.map(|_| no))
}

type Row = (Option<i64>, ClientRow);

pub(crate) async fn get(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    id: &ClientId,
) -> Result<Option<Account>, Failure> {
    let found = client::table.inner_join(client_number::table).filter(client_number::id.eq(id.as_str()));
    let rows = found.select((client::last_access_at, ClientRow::as_select())).load::<Row>(c).await?;
    Ok(with_keys(c, emails, rows).await?.pop())
}

pub(crate) async fn list(
    c: &mut AsyncPgConnection,
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
        .load(c)
        .await?;
    with_keys(c, emails, rows).await
}

async fn with_keys(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    rows: Vec<Row>,
) -> Result<Vec<Account>, Failure> {
    let numbers: Vec<i64> = rows.iter().map(|(_, row)| row.no).collect();
    let mut keys = keys(c, &numbers).await?;
    let mut limits = limits::of(c, &numbers).await?;
    let account = |(last, row): Row| {
        let no = row.no;
        let bad = |error: Invalid| corrupt("client", "last_access_at", &no, &error);
        let last_access_at = last.map(Timestamp::from_micros).transpose().map_err(bad)?;
        Ok(Account {
            client: row.parse(emails, limits.remove(&no).unwrap_or_default())?,
            last_access_at,
            keys: keys.remove(&no).unwrap_or_default(),
        })
    };
    rows.into_iter().map(account).collect()
}

/// Keys per client's number.
async fn keys(c: &mut AsyncPgConnection, clients: &[i64]) -> Result<HashMap<i64, Vec<HeldKey>>, Failure> {
    let rows: Vec<(i64, Option<i64>, KeyRow)> = api_key::table
        .filter(api_key::client.eq_any(clients))
        .order((api_key::client, api_key::created_at, api_key::id))
        .select((api_key::client, api_key::last_used_at, KeyRow::as_select()))
        .load(c)
        .await?;
    let mut keys: HashMap<i64, Vec<HeldKey>> = HashMap::new();
    for (client, last, row) in rows {
        let bad = |error: Invalid| corrupt("api_key", "last_used_at", &client, &error);
        let last_used_at = last.map(Timestamp::from_micros).transpose().map_err(bad)?;
        keys.entry(client).or_default().push(HeldKey { record: row.try_into()?, last_used_at });
    }
    Ok(keys)
}

pub(crate) async fn update(
    c: &mut AsyncPgConnection,
    emails: &Emails,
    by: Option<&Signature>,
    id: &ClientId,
    change: &ClientChange,
    now: Timestamp,
) -> Result<Option<Client>, Refusal<UpdateError>> {
    let Some(no) = lock(c, id).await? else { return Ok(None) };
    let no = no.0.cast_signed();
    let Some(Account { client: before, .. }) = get(c, emails, id).await? else { return Ok(None) };
    if change.email.is_some() {
        let kept = emails::keep(c, emails, id, change.email.as_ref()).await?;
        if emails::is_taken_in_clear(c, change.email.as_ref(), &kept, no).await? {
            return Err(Refusal::Because(UpdateError::EmailTaken));
        }
        set_email(c, no, kept).await?;
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
        .execute(c)
        .await?;
    if change.limits.is_some() {
        limits::replace(c, no, &changed.limits).await?;
    }
    if change.name.is_some() {
        late::note_names(c).await?;
    }
    acts::write_down(c, by, || Act::changed(&before, &changed, change)).await?;
    changes::note(c, id, now).await?;
    Ok(Some(changed))
}

/// What nobody changes stays as it is, sealed with whichever key.
async fn set_email(c: &mut AsyncPgConnection, no: i64, kept: KeptEmail) -> Result<(), Refusal<UpdateError>> {
    let KeptEmail { plain, sealed, index } = kept;
    let set = diesel::update(client::table.find(no))
        .set((client::email.eq(plain), client::email_sealed.eq(sealed), client::email_index.eq(index)))
        .execute(c)
        .await;
    set.map(|_| ()).map_err(|error| match error {
        error if emails::is_second(&error) => Refusal::Because(UpdateError::EmailTaken),
        error => error.into(),
    })
}

pub(crate) async fn add_key(
    c: &mut AsyncPgConnection,
    by: Option<&Signature>,
    id: &ClientId,
    key: &KeyRecord,
    overlap: Option<Timestamp>,
) -> Result<(), Refusal<AddKeyError>> {
    let no = lock(c, id).await?.ok_or(Refusal::Because(AddKeyError::NoSuchClient))?;
    let same = api_key::digest.eq(key.digest.0.as_slice()).or(api_key::id.eq(key.id.as_str()));
    if api_key::table.filter(same).count().get_result::<i64>(c).await? > 0 {
        return Err(Refusal::Because(AddKeyError::IdTaken));
    }
    let now = key.created_at.as_micros();
    let own = api_key::table.filter(api_key::client.eq(no.0.cast_signed()));
    let ends: Vec<Option<i64>> = own.select(api_key::expires_at).load(c).await?;
    let ending = overlap.map(Timestamp::as_micros);
    let is_live = |end: &&Option<i64>| end.iter().chain(&ending).min().is_none_or(|end| *end > now);
    if ends.iter().filter(is_live).count() >= MAX_KEYS {
        return Err(Refusal::Because(AddKeyError::TooMany));
    }
    if let Some(overlap) = ending {
        let longer = own.filter(api_key::expires_at.is_null().or(api_key::expires_at.gt(overlap)));
        diesel::update(longer).set(api_key::expires_at.eq(overlap)).execute(c).await?;
    }
    diesel::delete(own.filter(api_key::expires_at.le(now))).execute(c).await?;
    let inserted = insert_key(c, no, key).await;
    inserted.map_err(|error| match taken(&error) {
        Some("api_key_pkey" | "api_key_digest_key") => Refusal::Because(AddKeyError::IdTaken),
        _ => error.into(),
    })?;
    acts::write_down(c, by, || Act::issued(id, key, overlap)).await?;
    changes::note(c, id, key.created_at).await?;
    Ok(())
}

pub(crate) async fn revoke_key(
    c: &mut AsyncPgConnection,
    by: Option<&Signature>,
    id: &ClientId,
    key: &KeyId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(no) = lock(c, id).await? else { return Ok(false) };
    let own = api_key::table.find(key.as_str()).filter(api_key::client.eq(no.0.cast_signed()));
    let revoked = diesel::delete(own).execute(c).await? > 0;
    if revoked {
        acts::write_down(c, by, || Act::revoked(id, key)).await?;
        changes::note(c, id, now).await?;
    }
    Ok(revoked)
}

// Rows are locked in order, clients before keys, so that whoever changes clients at this moment is waited for
// and waits for nobody here.

statement! {
    /// Notes the latest use of any key of a client.
    TouchClients<'a> { keys: &'a [&'a str] => Array<Text>, at: &'a [i64] => Array<BigInt> } -> () =
        "WITH used AS ( \
             SELECT k.client, max(u.at) AS at FROM unnest($1, $2) AS u (id, at) JOIN api_key k USING (id) \
             GROUP BY k.client), \
         locked AS ( \
             SELECT no FROM client WHERE no IN (SELECT client FROM used) ORDER BY no FOR NO KEY UPDATE) \
         UPDATE client SET last_access_at = used.at FROM used JOIN locked ON locked.no = used.client \
         WHERE client.no = used.client AND (last_access_at IS NULL OR last_access_at < used.at)"
}

statement! {
    /// Notes the latest use of keys.
    TouchKeys<'a> { keys: &'a [&'a str] => Array<Text>, at: &'a [i64] => Array<BigInt> } -> () =
        "WITH used AS (SELECT id, max(at) AS at FROM unnest($1, $2) AS u (id, at) GROUP BY id), \
         locked AS ( \
             SELECT id FROM api_key WHERE id IN (SELECT id FROM used) ORDER BY id FOR NO KEY UPDATE) \
         UPDATE api_key SET last_used_at = used.at FROM used JOIN locked USING (id) \
         WHERE api_key.id = used.id AND (last_used_at IS NULL OR last_used_at < used.at)"
}

pub(crate) async fn touch(c: &mut AsyncPgConnection, uses: &[(KeyId, Timestamp)]) -> Result<(), Failure> {
    let keys: Vec<&str> = uses.iter().map(|(key, _)| key.as_str()).collect();
    let at: Vec<i64> = uses.iter().map(|(_, at)| at.as_micros()).collect();
    TouchClients { keys: &keys, at: &at }.execute(c).await?;
    TouchKeys { keys: &keys, at: &at }.execute(c).await?;
    Ok(())
}
