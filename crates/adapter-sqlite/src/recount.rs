//! Counts raw rows again, after a migration that changed what is counted.

use activity_domain::id::ClientId;
use activity_domain::rollup::{ClientNo, Counting};
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::log::{self, ActivityRow};
use crate::schema::recount;
use crate::sink::add_delta;

/// Rows counted in one transaction.
const STEP: usize = 5_000;

type Key = (i64, i64, Vec<u8>);

/// What was counted in a step.
pub(crate) struct Step {
    pub rows: u64,
    /// The latest event time.
    pub latest: Timestamp,
}

/// Counts the next so many rows, in the transaction that calls it; `None` when all are counted. It goes on
/// where an earlier start was stopped.
pub(crate) fn step(c: &mut SqliteConnection) -> Result<Option<Step>, Failure> {
    let key = recount::table.select((recount::at, recount::client, recount::id));
    let Some((at, client, id)) = key.get_result::<Key>(c).optional()? else { return Ok(None) };
    let rows: Vec<ActivityRow> = diesel::sql_query(format!(
        "SELECT {} FROM activity WHERE (at, client, id) > (?, ?, ?) ORDER BY at, client, id LIMIT {STEP}",
        log::COLUMNS
    ))
    .bind::<BigInt, _>(at)
    .bind::<BigInt, _>(client)
    .bind::<Binary, _>(id)
    .load(c)?;
    let Some(last) = rows.last() else {
        diesel::delete(recount::table).execute(c)?;
        return Ok(None);
    };
    let key = (last.at, last.client, last.id.clone());
    let latest = Timestamp::from_micros(last.at).map_err(|e| corrupt("activity", "at", &last.at, &e))?;
    let (mut counting, count) = (Counting::default(), rows.len() as u64);
    // Whose a row is, its number says; the name does not matter for counting.
    let name = ClientId::from_bits([0; 10]);
    for row in rows {
        let client = ClientNo(row.client.cast_unsigned());
        counting.add(client, &row.activity(name.clone())?);
    }
    add_delta(c, &counting.finish())?;
    diesel::update(recount::table)
        .set((recount::at.eq(key.0), recount::client.eq(key.1), recount::id.eq(key.2)))
        .execute(c)?;
    Ok(Some(Step { rows: count, latest }))
}
