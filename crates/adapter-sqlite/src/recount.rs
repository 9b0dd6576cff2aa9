//! Counts raw rows again, after a migration that changed what is counted.

use activity_domain::id::ClientId;
use activity_domain::rollup::{ClientNo, Counting};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::log::{self, ActivityRow};
use crate::schema::recount;
use crate::sink::add_delta;

/// Rows counted in one transaction.
const STEP: usize = 5_000;

type Key = (i64, i64, Vec<u8>);

/// Counts until everything is counted. It goes on where an earlier start was stopped.
pub(crate) fn run(c: &mut SqliteConnection) -> Result<u64, Failure> {
    let mut counted = 0;
    loop {
        let step = c.immediate_transaction(step)?;
        match step {
            Some(rows) => counted += rows,
            None => return Ok(counted),
        }
    }
}

fn step(c: &mut SqliteConnection) -> Result<Option<u64>, Failure> {
    let key = recount::table.select((recount::at, recount::client, recount::id));
    let Some((at, client, id)) = key.first::<Key>(c).optional()? else { return Ok(None) };
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
    Ok(Some(count))
}
