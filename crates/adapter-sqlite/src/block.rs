//! The statement that adds to a block. As with [`crate::row`], saying that it is always the same lets
//! diesel take it from its cache; its own upserts are prepared anew for every block.

use activity_domain::rollup::Tally;
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::sqlite::{Sqlite, SqliteConnection};

pub(crate) struct Block {
    /// Minutes, start, client, requests, errors, timed, microseconds, last seen.
    numbers: [i64; 8],
    sketch: Option<Vec<u8>>,
}

impl Block {
    /// What a tally adds to the block with this key (minutes, start, client). The sketch is the whole
    /// of the block's, old and new.
    pub fn new((minutes, start, client): (i64, i64, i64), tally: &Tally, sketch: Option<Vec<u8>>) -> Self {
        let numbers = [
            minutes,
            start,
            client,
            tally.requests.cast_signed(),
            tally.errors.cast_signed(),
            tally.timed.cast_signed(),
            tally.micros.cast_signed(),
            tally.last_seen.map_or(0, Timestamp::as_micros),
        ];
        Self { numbers, sketch }
    }

    pub fn add(self, c: &mut SqliteConnection) -> QueryResult<()> {
        self.execute(c).map(|_| ())
    }
}

impl QueryFragment<Sqlite> for Block {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO usage_block (minutes, start, client, requests, errors, timed, micros, last_seen, \
             sketch) VALUES (",
        );
        for number in &self.numbers {
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Nullable<Binary>, _>(&self.sketch)?;
        out.push_sql(
            ") ON CONFLICT (minutes, start, client) DO UPDATE SET requests = requests + excluded.requests, \
             errors = errors + excluded.errors, timed = timed + excluded.timed, \
             micros = micros + excluded.micros, last_seen = max(last_seen, excluded.last_seen), \
             sketch = excluded.sketch",
        );
        Ok(())
    }
}

impl QueryId for Block {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for Block {}
