//! Erasing a client: at once what names it, in pieces what it did.

use std::collections::{BTreeSet, HashSet};

use activity_domain::act::{Act, Signature};
use activity_domain::error::StoreError;
use activity_domain::hygiene::ERASED;
use activity_domain::id::{ANONYMOUS, ClientId, Fingerprint};
use activity_domain::port::Purged;
use activity_domain::span::{Level, Minute};
use activity_domain::time::Timestamp;
use diesel::dsl::{max, min};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::minutes;
use crate::error::Failure;
use crate::locks::Lock;
use crate::schema::{
    api_key, client, client_number, erasing, set_aside, tombstone, usage_block, usage_delta,
};
use crate::statement::statement;
use crate::{accounts, acts, changes, late, numbers, store};

/// Rows deleted in one transaction.
const SWEEP: i64 = 10_000;
/// Ids of this length have so many random bits that they stand in a payload only if they are meant.
const UNMISTAKABLE: usize = 19;

/// In the transaction that calls it: identity, keys and what was set aside go, the number gets the
/// anonymous id, and a tombstone is set. Nobody stores rows meanwhile, so that none comes in behind it.
pub(crate) async fn erase(
    c: &mut AsyncPgConnection,
    by: Option<&Signature>,
    id: &ClientId,
    anonymous: &ClientId,
    now: Timestamp,
) -> Result<bool, Failure> {
    Lock::Gate.alone(c).await?;
    let Some(no) = accounts::lock(c, id).await? else { return Ok(false) };
    if numbers::find(c, anonymous).await?.is_some() {
        return Err(StoreError::Refused("the anonymous id is taken".into()).into());
    }
    let no = no.0.cast_signed();
    diesel::delete(api_key::table.filter(api_key::client.eq(no))).execute(c).await?;
    diesel::delete(client::table.find(no)).execute(c).await?;
    diesel::delete(set_aside::table.filter(set_aside::client.eq(no))).execute(c).await?;
    if id.as_str().len() >= UNMISTAKABLE {
        diesel::sql_query("DELETE FROM set_aside WHERE position($1 IN payload) > 0")
            .bind::<Binary, _>(id.as_str().as_bytes())
            .execute(c)
            .await?;
    }
    let number = diesel::update(client_number::table.find(no));
    number.set(client_number::id.eq(anonymous.as_str())).execute(c).await?;
    let client = Fingerprint::of(id).0;
    diesel::insert_into(tombstone::table)
        .values((tombstone::client.eq(client.as_slice()), tombstone::at.eq(now.as_micros())))
        .execute(c)
        .await?;
    let waiting: Option<i64> = usage_delta::table.select(max(usage_delta::seq)).first(c).await?;
    diesel::insert_into(erasing::table)
        .values((erasing::client.eq(no), erasing::day.eq(0), erasing::delta.eq(waiting.unwrap_or(0))))
        .execute(c)
        .await?;
    late::note_everything(c).await?;
    acts::write_down(c, by, || Act::erased(id)).await?;
    changes::note(c, id, now).await?;
    Ok(true)
}

statement! {
    /// Those of some fingerprints that have a tombstone.
    Tombstones<'a> { clients: Vec<&'a [u8]> => Array<Binary> } -> Binary =
        "SELECT client FROM tombstone WHERE client = ANY($1)"
}

/// Those of some clients that were erased.
pub(crate) async fn erased<'a>(
    c: &mut AsyncPgConnection,
    ids: &BTreeSet<&'a ClientId>,
) -> QueryResult<Vec<&'a ClientId>> {
    let prints: Vec<(Fingerprint, &ClientId)> = ids.iter().map(|id| (Fingerprint::of(id), *id)).collect();
    let clients = prints.iter().map(|(print, _)| print.0.as_slice()).collect();
    let found: HashSet<Vec<u8>> = Tombstones { clients }.load(c).await?.into_iter().collect();
    let erased = prints.into_iter().filter(|(print, _)| found.contains(print.0.as_slice()));
    Ok(erased.map(|(_, id)| id).collect())
}

/// The numbers of erased clients whose rows may still be there; they are shown nowhere.
pub(crate) async fn hidden(c: &mut AsyncPgConnection) -> QueryResult<HashSet<i64>> {
    Ok(erasing::table.select(erasing::client).load(c).await?.into_iter().collect())
}

/// Does the next piece of what is left to do for an erased client.
pub(crate) async fn purge(c: &mut AsyncPgConnection) -> Result<Purged, Failure> {
    if !Lock::Blocks.try_alone(c).await? {
        // Another instance is at it, or folds deltas.
        return Ok(Purged::default());
    }
    // Its blocks tell on which days it has rows, once all of its deltas are in them.
    let oldest: Option<i64> = usage_delta::table.select(min(usage_delta::seq)).first(c).await?;
    let ready = erasing::table.filter(erasing::delta.lt(oldest.unwrap_or(i64::MAX)));
    let next = ready.select((erasing::client, erasing::day)).order(erasing::client);
    let Some((client, day)) = next.first::<(i64, i64)>(c).await.optional()? else {
        return Ok(Purged::default());
    };
    let found: Option<i64> = usage_block::table
        .filter(usage_block::client.eq(client))
        .filter(usage_block::minutes.eq(minutes(Level::Day)))
        .filter(usage_block::start.ge(day))
        .select(min(usage_block::start))
        .first(c)
        .await?;
    let Some(day) = found else {
        finish(c, client).await?;
        return Ok(Purged { rows: 0, more: true });
    };
    let rows = sweep(c, client, Minute(day)).await?;
    let is_done = i64::try_from(rows).is_ok_and(|rows| rows < SWEEP);
    let next = if is_done { day + Level::Day.minutes() } else { day };
    diesel::update(erasing::table.find(client)).set(erasing::day.eq(next)).execute(c).await?;
    Ok(Purged { rows: rows as u64, more: true })
}

/// Deletes rows of a client on a day of UTC, so many at most.
async fn sweep(c: &mut AsyncPgConnection, client: i64, day: Minute) -> QueryResult<usize> {
    // Not prepared: knowing the day, the planner looks at its partition only.
    diesel::sql_query(
        "DELETE FROM activity WHERE at >= $1 AND at < $2 AND client = $3 AND (at, id) IN ( \
             SELECT at, id FROM activity WHERE at >= $1 AND at < $2 AND client = $3 LIMIT $4)",
    )
    .bind::<BigInt, _>(Timestamp::from(day).as_micros())
    .bind::<BigInt, _>(Timestamp::from(Minute(day.0 + Level::Day.minutes())).as_micros())
    .bind::<BigInt, _>(client)
    .bind::<BigInt, _>(SWEEP)
    .execute(c)
    .await
}

/// Takes the names from endpoints that only erased clients called, because a path may tell whose it was. Then
/// nothing is left to do for this client.
async fn finish(c: &mut AsyncPgConnection, client: i64) -> Result<(), Failure> {
    store::be_patient(c).await?;
    // A path cannot have a `#`, so that no sender can take such a name first. Erased clients, also those of
    // earlier times, have anonymous ids: what only they called has nobody left who may be shown its name.
    diesel::sql_query(format!(
        "WITH gone AS (SELECT no FROM client_number WHERE id LIKE '{ANONYMOUS}%') \
         UPDATE endpoint SET path = '{ERASED} #' || no || ')' WHERE no IN ( \
             SELECT endpoint FROM endpoint_block WHERE client = $1 AND minutes = 1440 \
             EXCEPT SELECT endpoint FROM endpoint_block \
             WHERE client <> 0 AND client NOT IN (SELECT no FROM gone) AND minutes = 1440)"
    ))
    .bind::<BigInt, _>(client)
    .execute(c)
    .await?;
    diesel::delete(erasing::table.find(client)).execute(c).await?;
    Ok(())
}
