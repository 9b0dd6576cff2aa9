//! The statements that write blocks. As with [`crate::row`], saying that they are always the same lets
//! diesel take them from its cache; its own upserts are prepared anew for every block.

use activity_domain::rollup::{Parts, Profile, Summary, Tally};
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::sqlite::{Sqlite, SqliteConnection};

/// A block of usage, whole.
pub(crate) struct UsageBlock {
    /// Minutes, start, client, requests, errors, timed, microseconds, last seen.
    numbers: [i64; 8],
    quantiles: Option<i64>,
    parts: Vec<u8>,
    cells: Vec<u8>,
}

impl UsageBlock {
    /// The key is minutes, start, client.
    pub fn new((minutes, start, client): (i64, i64, i64), whole: &Profile, summary: &Summary) -> Self {
        let numbers = [
            minutes,
            start,
            client,
            summary.requests.cast_signed(),
            summary.errors.cast_signed(),
            summary.timed.cast_signed(),
            summary.micros.cast_signed(),
            summary.last_seen.map_or(0, Timestamp::as_micros),
        ];
        let quantiles = summary.quantiles.map(|quantiles| quantiles.code().cast_signed());
        Self { numbers, quantiles, parts: Parts::from(whole).encode(), cells: whole.encode() }
    }

    /// Writes it in place of what is there.
    pub fn put(self, c: &mut SqliteConnection) -> QueryResult<()> {
        self.execute(c).map(|_| ())
    }
}

impl QueryFragment<Sqlite> for UsageBlock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO usage_block (minutes, start, client, requests, errors, timed, micros, last_seen, \
             quantiles, parts, cells) VALUES (",
        );
        push_numbers(&self.numbers, &mut out)?;
        out.push_bind_param::<Nullable<BigInt>, _>(&self.quantiles)?;
        for bytes in [&self.parts, &self.cells] {
            out.push_sql(", ");
            out.push_bind_param::<Binary, _>(bytes)?;
        }
        // Not REPLACE, which would write the indices anew as well.
        out.push_sql(
            ") ON CONFLICT (minutes, start, client) DO UPDATE SET requests = excluded.requests, \
             errors = excluded.errors, timed = excluded.timed, micros = excluded.micros, \
             last_seen = excluded.last_seen, quantiles = excluded.quantiles, parts = excluded.parts, \
             cells = excluded.cells",
        );
        Ok(())
    }
}

/// What is added to the endpoint's block with this key.
pub(crate) struct EndpointBlock {
    /// Minutes, start, client, endpoint, verb, requests, errors, timed, microseconds.
    numbers: [i64; 9],
    sketch: Vec<u8>,
}

impl EndpointBlock {
    /// The key is minutes, start, client, endpoint, verb.
    pub fn new((minutes, start, client, endpoint, verb): (i64, i64, i64, i64, i64), fresh: &Tally) -> Self {
        let [requests, errors, timed, micros] =
            [fresh.requests, fresh.errors, fresh.timed, fresh.micros].map(u64::cast_signed);
        let numbers = [minutes, start, client, endpoint, verb, requests, errors, timed, micros];
        Self { numbers, sketch: fresh.sketch.encode() }
    }

    pub fn add(self, c: &mut SqliteConnection) -> QueryResult<()> {
        self.execute(c).map(|_| ())
    }
}

impl QueryFragment<Sqlite> for EndpointBlock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO endpoint_block (minutes, start, client, endpoint, verb, requests, errors, timed, \
             micros, sketch) VALUES (",
        );
        push_numbers(&self.numbers, &mut out)?;
        out.push_bind_param::<Binary, _>(&self.sketch)?;
        out.push_sql(
            ") ON CONFLICT (minutes, start, client, endpoint, verb) DO UPDATE SET \
             requests = requests + excluded.requests, errors = errors + excluded.errors, \
             timed = timed + excluded.timed, micros = micros + excluded.micros, \
             sketch = merge_sketches(sketch, excluded.sketch)",
        );
        Ok(())
    }
}

/// The page with this key.
pub(crate) struct PageBlock {
    /// Minutes, start, page.
    numbers: [i64; 3],
    summaries: Vec<u8>,
}

impl PageBlock {
    pub fn new(key: (i64, i64, i64), summaries: Vec<u8>) -> Self {
        Self { numbers: key.into(), summaries }
    }

    /// Writes it in place of what is there.
    pub fn put(self, c: &mut SqliteConnection) -> QueryResult<()> {
        self.execute(c).map(|_| ())
    }
}

impl QueryFragment<Sqlite> for PageBlock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO usage_page (minutes, start, page, summaries) VALUES (");
        push_numbers(&self.numbers, &mut out)?;
        out.push_bind_param::<Binary, _>(&self.summaries)?;
        out.push_sql(") ON CONFLICT (minutes, start, page) DO UPDATE SET summaries = excluded.summaries");
        Ok(())
    }
}

fn push_numbers<'b>(numbers: &'b [i64], out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
    for number in numbers {
        out.push_bind_param::<BigInt, _>(number)?;
        out.push_sql(", ");
    }
    Ok(())
}

macro_rules! always_the_same {
    ($statement:ty) => {
        impl QueryId for $statement {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl RunQueryDsl<SqliteConnection> for $statement {}
    };
}

always_the_same!(UsageBlock);
always_the_same!(EndpointBlock);
always_the_same!(PageBlock);
