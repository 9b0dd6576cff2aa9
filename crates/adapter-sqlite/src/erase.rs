//! Erasing a client: at once what names it, in pieces what it did.

use activity_domain::error::StoreError;
use activity_domain::hygiene::ERASED;
use activity_domain::id::{ANONYMOUS, ClientId, Fingerprint};
use activity_domain::port::Purged;
use activity_domain::time::Timestamp;
use diesel::connection::SimpleConnection;
use diesel::dsl::{exists, max, min, select};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::schema::{activity, api_key, client, client_number, erasing, set_aside, tombstone, usage_delta};
use crate::{accounts, changes, scrub};

/// Rows looked at in one transaction: a few milliseconds in which no batch is stored.
const SWEEP: i64 = 10_000;
/// Pages looked at in one transaction.
const PAGES: i64 = 500;
/// All rows are gone.
const SWEPT: i64 = i64::MAX;
/// All pages have been looked at.
const SCRUBBED: i64 = i64::MAX;
/// Ids of this length have so many random bits that they stand in a payload only if they are meant.
const UNMISTAKABLE: usize = 19;

/// In the transaction that calls it: identity, keys and what was set aside go, the number gets the
/// anonymous id, and a tombstone is set.
pub(crate) fn erase(
    c: &mut SqliteConnection,
    id: &ClientId,
    anonymous: &ClientId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(no) = accounts::number(c, id)? else { return Ok(false) };
    let no = no.0.cast_signed();
    let taken = client_number::table.filter(client_number::id.eq(anonymous.as_str()));
    if select(exists(taken)).get_result(c)? {
        return Err(StoreError::Refused("the anonymous id is taken".into()).into());
    }
    diesel::delete(api_key::table.filter(api_key::client.eq(no))).execute(c)?;
    diesel::delete(client::table.find(no)).execute(c)?;
    diesel::delete(set_aside::table.filter(set_aside::client.eq(no))).execute(c)?;
    if id.as_str().len() >= UNMISTAKABLE {
        diesel::sql_query("DELETE FROM set_aside WHERE instr(payload, CAST(? AS BLOB)) > 0")
            .bind::<Text, _>(id.as_str())
            .execute(c)?;
    }
    diesel::update(client_number::table.find(no)).set(client_number::id.eq(anonymous.as_str())).execute(c)?;
    let client = Fingerprint::of(id).0;
    diesel::insert_into(tombstone::table)
        .values((tombstone::client.eq(client.as_slice()), tombstone::at.eq(now.as_micros())))
        .execute(c)?;
    let waiting: Option<i64> = usage_delta::table.select(max(usage_delta::seq)).get_result(c)?;
    diesel::insert_into(erasing::table)
        .values((erasing::client.eq(no), erasing::at.eq(0), erasing::delta.eq(waiting.unwrap_or(0))))
        .execute(c)?;
    changes::note(c, id, now)?;
    Ok(true)
}

pub(crate) fn is_erased(c: &mut SqliteConnection, id: &ClientId) -> QueryResult<bool> {
    let client = Fingerprint::of(id).0;
    select(exists(tombstone::table.filter(tombstone::client.eq(client.as_slice())))).get_result(c)
}

/// Rises with every erased client.
pub(crate) fn generation(c: &mut SqliteConnection) -> QueryResult<i64> {
    Ok(tombstone::table.select(max(tombstone::no)).get_result::<Option<i64>>(c)?.unwrap_or(0))
}

/// Deletes raw rows of erased clients among the next so many rows. There is no index by client, so the
/// table is walked through, for all erased clients that are at the same place together.
pub(crate) fn sweep(c: &mut SqliteConnection) -> QueryResult<Purged> {
    let from: Option<i64> =
        erasing::table.filter(erasing::at.ne(SWEPT)).select(min(erasing::at)).get_result(c)?;
    let Some(from) = from else { return Ok(Purged::default()) };
    let ahead = activity::table.filter(activity::at.ge(from)).order(activity::at).select(activity::at);
    let to: Option<i64> = ahead.offset(SWEEP).first(c).optional()?;
    // An instant with more rows than that is swept whole.
    let to = to.map_or(SWEPT, |to| to.max(from + 1));
    let rows = diesel::sql_query(
        "DELETE FROM activity WHERE at >= ? AND at < ? \
         AND client IN (SELECT client FROM erasing WHERE at <= ?)",
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(to)
    .bind::<BigInt, _>(from)
    .execute(c)?;
    diesel::update(erasing::table.filter(erasing::at.le(from))).set(erasing::at.eq(to)).execute(c)?;
    Ok(Purged { rows: rows as u64, more: true })
}

/// Takes the names from endpoints that only erased clients called, because a path may tell whose it was. It
/// waits until the deltas that they left are folded; false: it still does.
pub(crate) fn unname_endpoints(c: &mut SqliteConnection) -> QueryResult<bool> {
    let swept = erasing::table.filter(erasing::at.eq(SWEPT)).filter(erasing::is_unnamed.eq(false));
    let swept: Vec<(i64, i64)> = swept.select((erasing::client, erasing::delta)).load(c)?;
    let oldest: Option<i64> = usage_delta::table.select(min(usage_delta::seq)).get_result(c)?;
    let is_waiting = |delta: i64| oldest.is_some_and(|oldest| oldest <= delta);
    let (waiting, folded): (Vec<_>, Vec<_>) = swept.into_iter().partition(|(_, delta)| is_waiting(*delta));
    if folded.is_empty() {
        return Ok(waiting.is_empty());
    }
    let folded = erasing::table.filter(erasing::client.eq_any(folded.into_iter().map(|(client, _)| client)));
    diesel::update(folded).set(erasing::is_unnamed.eq(true)).execute(c)?;
    // A path cannot have a `#`, so that no sender can take such a name first. Erased clients, also those of
    // earlier times, have anonymous ids: what only they called has nobody left who may be shown its name.
    diesel::sql_query(format!(
        "WITH gone AS (SELECT no FROM client_number WHERE id LIKE '{ANONYMOUS}%') \
         UPDATE endpoint SET path = '{ERASED} #' || no || ')' WHERE no IN ( \
             SELECT endpoint FROM endpoint_block \
             WHERE client IN (SELECT client FROM erasing WHERE is_unnamed) AND minutes = 1440 \
             EXCEPT SELECT endpoint FROM endpoint_block \
             WHERE client <> 0 AND client NOT IN (SELECT no FROM gone) AND minutes = 1440)"
    ))
    .execute(c)?;
    Ok(waiting.is_empty())
}

/// Overwrites what old copies of rows the next so many pages hold. Pages that the database grows by
/// meanwhile have none.
pub(crate) fn scrub(c: &mut SqliteConnection) -> QueryResult<Purged> {
    let swept = erasing::table.filter(erasing::at.eq(SWEPT)).filter(erasing::page.ne(SCRUBBED));
    let from: Option<i64> = swept.select(min(erasing::page)).get_result(c)?;
    let Some(from) = from else { return Ok(Purged::default()) };
    let last = scrub::count(c)?;
    let to = last.min(from + PAGES);
    scrub::pages(c, from + 1..=to, last)?;
    let reached = if to == last { SCRUBBED } else { to };
    diesel::update(swept.filter(erasing::page.le(from))).set(erasing::page.eq(reached)).execute(c)?;
    Ok(Purged { rows: 0, more: true })
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = BigInt)]
    busy: i64,
}

/// While the log is emptied, nobody writes: a reader who does not finish soon puts it off.
const PATIENCE: &str = "PRAGMA busy_timeout = 100";
const USUAL: &str = "PRAGMA busy_timeout = 5000";

/// Outside a transaction: brings the log into the database and empties it, so that nothing of what was
/// overwritten is left in either. Where a reader still sees the old state, this is for the next time.
pub(crate) fn empty_log(c: &mut SqliteConnection) -> QueryResult<()> {
    // Those that come to this point while the log is emptied have to wait.
    let scrubbed = erasing::table.filter(erasing::page.eq(SCRUBBED)).select(erasing::client);
    let scrubbed: Vec<i64> = scrubbed.load(c)?;
    if scrubbed.is_empty() {
        return Ok(());
    }
    c.batch_execute(PATIENCE)?;
    let checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Checkpoint>(c);
    c.batch_execute(USUAL)?;
    if checkpoint?.busy == 0 {
        diesel::delete(erasing::table.filter(erasing::client.eq_any(scrubbed))).execute(c)?;
    }
    Ok(())
}
