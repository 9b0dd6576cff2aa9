//! How long raw rows are kept.

use activity_domain::port::Retained;
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::schema::retention_floor;

/// Rows dropped in one transaction.
const MAX_ROWS: u32 = 10_000;

/// The instant before which nothing is taken.
pub(crate) fn floor(c: &mut SqliteConnection) -> QueryResult<i64> {
    retention_floor::table.select(retention_floor::at).get_result(c)
}

pub(crate) fn retain(c: &mut SqliteConnection, from: Timestamp) -> Result<Retained, Failure> {
    let from = from.as_micros();
    // Where it stands already, nothing is written: this runs every second.
    let risen = retention_floor::table.filter(retention_floor::at.lt(from));
    diesel::update(risen).set(retention_floor::at.eq(from)).execute(c)?;
    let from = floor(c)?;
    let dropped = diesel::sql_query(format!(
        "DELETE FROM activity WHERE (at, client, id) IN \
         (SELECT at, client, id FROM activity WHERE at < ? ORDER BY at LIMIT {MAX_ROWS})"
    ))
    .bind::<diesel::sql_types::BigInt, _>(from)
    .execute(c)?;
    Ok(Retained { dropped: dropped as u64, more: dropped == MAX_ROWS as usize })
}
