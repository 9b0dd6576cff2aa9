//! Blocks of usage, read back: their sums, which answers take as they are, and their cells, which merge.

use activity_domain::error::{Invalid, StoreError};
use activity_domain::rollup::{ClientNo, Parts, Profile, Summary};
use activity_domain::sketch::Quantiles;
use activity_domain::span::{Minute, Run};
use activity_domain::time::Timestamp;
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::numbers;
use crate::schema::usage_block;

/// The sums of a client's blocks in a run. SQLite is told which index to take: it would read all clients' blocks
/// of the run instead.
pub(crate) fn sums(c: &mut SqliteConnection, run: Run, client: ClientNo) -> QueryResult<Vec<SumsRow>> {
    diesel::sql_query(
        "SELECT start, client, requests, errors, timed, micros, last_seen, quantiles, parts \
         FROM usage_block INDEXED BY usage_block_of_client \
         WHERE client = ? AND minutes = ? AND start >= ? AND start < ?",
    )
    .bind::<BigInt, _>(client.0.cast_signed())
    .bind::<BigInt, _>(run.level.minutes())
    .bind::<BigInt, _>(run.span.from.0)
    .bind::<BigInt, _>(run.span.to.0)
    .load(c)
}

/// Hands over the profiles of some clients' blocks in a run, with the first minute of each.
pub(crate) fn for_each_profile(
    c: &mut SqliteConnection,
    run: Run,
    clients: &[ClientNo],
    mut take: impl FnMut(Minute, ClientNo, &Profile),
) -> Result<(), Failure> {
    let blocks = diesel::sql_query(
        "SELECT b.start, b.client, b.last_seen, b.cells \
         FROM json_each(?) AS listed CROSS JOIN usage_block b INDEXED BY usage_block_of_client \
         WHERE b.client = listed.value AND b.minutes = ? AND b.start >= ? AND b.start < ?",
    )
    .bind::<Text, _>(numbers::list(clients))
    .bind::<BigInt, _>(run.level.minutes())
    .bind::<BigInt, _>(run.span.from.0)
    .bind::<BigInt, _>(run.span.to.0)
    .load_iter::<CellsRow, DefaultLoadingMode>(c)?;
    for block in blocks {
        let block = block?;
        take(Minute(block.start), ClientNo(block.client.cast_unsigned()), &block.profile()?);
    }
    Ok(())
}

/// The profile of one block, if there is such a block.
pub(crate) fn profile(c: &mut SqliteConnection, key: (i64, i64, i64)) -> Result<Option<Profile>, Failure> {
    let row = usage_block::table.find(key).select(CellsRow::as_select()).get_result(c).optional()?;
    Ok(row.map(|row| row.profile()).transpose()?)
}

/// What a block keeps for answers.
#[derive(QueryableByName)]
#[diesel(table_name = usage_block)]
pub(crate) struct SumsRow {
    pub start: i64,
    client: i64,
    requests: i64,
    errors: i64,
    timed: i64,
    micros: i64,
    last_seen: i64,
    quantiles: Option<i64>,
    parts: Vec<u8>,
}

impl SumsRow {
    pub fn summary(&self) -> Result<Summary, StoreError> {
        let quantiles = self.quantiles.map(|code| Quantiles::from_code(code.cast_unsigned())).transpose();
        Ok(Summary {
            requests: self.requests.cast_unsigned(),
            errors: self.errors.cast_unsigned(),
            timed: self.timed.cast_unsigned(),
            micros: self.micros.cast_unsigned(),
            last_seen: Some(last_seen(self.client, self.start, self.last_seen)?),
            quantiles: quantiles.map_err(|error| bad(self.client, self.start, "quantiles", &error))?,
        })
    }

    pub fn parts(&self) -> Result<Parts, StoreError> {
        Parts::decode(&self.parts).map_err(|error| bad(self.client, self.start, "parts", &error))
    }
}

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = usage_block)]
struct CellsRow {
    start: i64,
    client: i64,
    last_seen: i64,
    cells: Vec<u8>,
}

impl CellsRow {
    fn profile(&self) -> Result<Profile, StoreError> {
        let last_seen = last_seen(self.client, self.start, self.last_seen)?;
        Profile::decode(&self.cells, Some(last_seen))
            .map_err(|error| bad(self.client, self.start, "cells", &error))
    }
}

fn last_seen(client: i64, start: i64, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_micros(micros).map_err(|error| bad(client, start, "last_seen", &error))
}

fn bad(client: i64, start: i64, column: &str, error: &Invalid) -> StoreError {
    corrupt("usage_block", column, &format_args!("client {client} from minute {start}"), error)
}
