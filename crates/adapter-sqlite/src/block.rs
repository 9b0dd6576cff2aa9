//! The statements that add to blocks. As with [`crate::row`], saying that they are always the same lets
//! diesel take them from its cache; its own upserts are prepared anew for every block.

use activity_domain::rollup::{Profile, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::error::{Failure, corrupt};
use crate::schema::{endpoint_block, usage_block};

/// Minutes, start, client.
pub(crate) type UsageKey = (i64, i64, i64);
/// Minutes, start, client, endpoint, verb.
pub(crate) type EndpointKey = (i64, i64, i64, i64, i64);

/// Adds a profile to the block with this key.
pub(crate) fn add_usage(c: &mut SqliteConnection, key: UsageKey, fresh: &Profile) -> Result<(), Failure> {
    let row = usage_block::table.find(key).select(usage_block::cells);
    let old = row.first::<Vec<u8>>(c).optional()?.map(|bytes| {
        Profile::decode(&bytes, None)
            .map_err(|error| corrupt("usage_block", "cells", &format_args!("{key:?}"), &error))
    });
    let mut whole = old.transpose()?.unwrap_or_default();
    whole.merge(fresh);
    let total = whole.total();
    let (minutes, start, client) = key;
    let numbers = [minutes, start, client, counted(total.requests), counted(total.errors)];
    let more = [counted(total.timed), counted(total.micros), fresh.last_seen.map_or(0, Timestamp::as_micros)];
    UsageBlock { numbers, more, cells: whole.encode() }.execute(c)?;
    Ok(())
}

/// Adds a tally to the endpoint's block with this key.
pub(crate) fn add_endpoint(c: &mut SqliteConnection, key: EndpointKey, fresh: &Tally) -> Result<(), Failure> {
    let row = endpoint_block::table.find(key).select(endpoint_block::sketch);
    let old = row.first::<Vec<u8>>(c).optional()?.map(|bytes| {
        Sketch::decode(&bytes)
            .map_err(|error| corrupt("endpoint_block", "sketch", &format_args!("{key:?}"), &error))
    });
    let mut sketch = old.transpose()?.unwrap_or_default();
    sketch.merge(&fresh.sketch);
    let (minutes, start, client, endpoint, verb) = key;
    let counts = [fresh.requests, fresh.errors, fresh.timed, fresh.micros].map(counted);
    let block =
        EndpointBlock { key: [minutes, start, client, endpoint, verb], counts, sketch: sketch.encode() };
    block.execute(c)?;
    Ok(())
}

fn counted(count: u64) -> i64 {
    count.cast_signed()
}

/// The whole of a block, old and new.
struct UsageBlock {
    numbers: [i64; 5],
    more: [i64; 3],
    cells: Vec<u8>,
}

impl QueryFragment<Sqlite> for UsageBlock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO usage_block (minutes, start, client, requests, errors, timed, micros, last_seen, \
             cells) VALUES (",
        );
        for number in self.numbers.iter().chain(&self.more) {
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Binary, _>(&self.cells)?;
        out.push_sql(
            ") ON CONFLICT (minutes, start, client) DO UPDATE SET requests = excluded.requests, \
             errors = excluded.errors, timed = excluded.timed, micros = excluded.micros, \
             last_seen = max(last_seen, excluded.last_seen), cells = excluded.cells",
        );
        Ok(())
    }
}

impl QueryId for UsageBlock {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for UsageBlock {}

/// What is added to a block's counts, and the whole of its sketch.
struct EndpointBlock {
    key: [i64; 5],
    counts: [i64; 4],
    sketch: Vec<u8>,
}

impl QueryFragment<Sqlite> for EndpointBlock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO endpoint_block (minutes, start, client, endpoint, verb, requests, errors, timed, \
             micros, sketch) VALUES (",
        );
        for number in self.key.iter().chain(&self.counts) {
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Binary, _>(&self.sketch)?;
        out.push_sql(
            ") ON CONFLICT (minutes, start, client, endpoint, verb) DO UPDATE SET \
             requests = requests + excluded.requests, errors = errors + excluded.errors, \
             timed = timed + excluded.timed, micros = micros + excluded.micros, sketch = excluded.sketch",
        );
        Ok(())
    }
}

impl QueryId for EndpointBlock {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for EndpointBlock {}
