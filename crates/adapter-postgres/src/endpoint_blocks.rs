//! Blocks of endpoints, written many at a time.

use std::collections::{BTreeMap, HashMap};

use activity_domain::error::{Invalid, StoreError};
use activity_domain::hygiene::Verb;
use activity_domain::rollup::{ClientNo, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Level, Minute};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Binary, Integer, SmallInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::minutes;
use crate::error::{Failure, corrupt};
use crate::statement::{Columns, of_columns, statement};

/// Blocks in one statement.
const CHUNK: usize = 2_000;

/// Client, first minute, endpoint, method: a block of one length, in the order in which they lie.
pub(crate) type Key = (ClientNo, Minute, i64, Verb);

statement! {
    /// Each is looked up by its key, however many there are.
    There {
        minutes: i32 => Integer,
        client: Vec<i64> => Array<BigInt>,
        start: Vec<i64> => Array<BigInt>,
        endpoint: Vec<i64> => Array<BigInt>,
        verb: Vec<i16> => Array<SmallInt>,
    } -> (BigInt, BigInt, BigInt, SmallInt, Binary) =
        "SELECT b.client, b.start, b.endpoint, b.verb, b.sketch \
         FROM (SELECT unnest($2) AS client, unnest($3) AS start, unnest($4) AS endpoint, unnest($5) AS verb) \
             AS wanted CROSS JOIN LATERAL ( \
             SELECT * FROM endpoint_block e WHERE e.minutes = $1 AND e.client = wanted.client \
                 AND e.start = wanted.start AND e.endpoint = wanted.endpoint AND e.verb = wanted.verb OFFSET 0) b"
}

macro_rules! insert {
    ($rest:literal) => {
        concat!(
            "INSERT INTO endpoint_block AS b \
                 (minutes, client, start, endpoint, verb, requests, errors, timed, micros, sketch) \
             SELECT $1, unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8), \
                 unnest($9), unnest($10)",
            $rest
        )
    };
}

of_columns! {
    /// Writes blocks that are not there.
    InsertNew(Whole) -> () = insert!("")
}

of_columns! {
    /// Adds numbers, and writes sketches in place of what is there.
    AddTo(Whole) -> () = insert!(
        " ON CONFLICT (minutes, client, start, endpoint, verb) DO UPDATE SET \
             requests = b.requests + excluded.requests, errors = b.errors + excluded.errors, \
             timed = b.timed + excluded.timed, micros = b.micros + excluded.micros, sketch = excluded.sketch"
    )
}

/// Blocks of one length by columns: what is added to their numbers, and their whole sketches.
#[derive(Default)]
struct Whole {
    minutes: i32,
    client: Vec<i64>,
    start: Vec<i64>,
    endpoint: Vec<i64>,
    verb: Vec<i16>,
    requests: Vec<i64>,
    errors: Vec<i64>,
    timed: Vec<i64>,
    micros: Vec<i64>,
    sketch: Vec<Vec<u8>>,
}

impl Whole {
    fn of(level: Level) -> Self {
        Self { minutes: minutes(level), ..Self::default() }
    }

    fn push(&mut self, (client, start, endpoint, verb): &Key, tally: &Tally, sketch: &Sketch) {
        self.client.push(client.0.cast_signed());
        self.start.push(start.0);
        self.endpoint.push(*endpoint);
        self.verb.push(verb.code().into());
        self.requests.push(tally.requests.cast_signed());
        self.errors.push(tally.errors.cast_signed());
        self.timed.push(tally.timed.cast_signed());
        self.micros.push(tally.micros.cast_signed());
        self.sketch.push(sketch.encode());
    }
}

impl Columns for Whole {
    fn push_binds<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param_value_only::<Integer, _>(&self.minutes)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.client)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.start)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.endpoint)?;
        out.push_bind_param_value_only::<Array<SmallInt>, _>(&self.verb)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.requests)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.errors)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.timed)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.micros)?;
        out.push_bind_param_value_only::<Array<Binary>, _>(&self.sketch)
    }
}

/// Adds to blocks of one length. Nobody else may do so at the same time: sketches are merged here and not in
/// the database, and what is not there when it is looked for is inserted without another look.
pub(crate) async fn add(
    c: &mut AsyncPgConnection,
    level: Level,
    fresh: &BTreeMap<Key, Tally>,
) -> Result<(), Failure> {
    let fresh: Vec<(&Key, &Tally)> = fresh.iter().collect();
    for chunk in fresh.chunks(CHUNK) {
        let mut sketches = there(c, level, chunk).await?;
        let (mut new, mut known) = (Whole::of(level), Whole::of(level));
        for (key, tally) in chunk {
            match sketches.remove(*key) {
                None => new.push(key, tally, &tally.sketch),
                Some(mut sketch) => {
                    sketch.merge(&tally.sketch);
                    known.push(key, tally, &sketch);
                }
            }
        }
        if !new.client.is_empty() {
            InsertNew(new).execute(c).await?;
        }
        if !known.client.is_empty() {
            AddTo(known).execute(c).await?;
        }
    }
    Ok(())
}

async fn there(
    c: &mut AsyncPgConnection,
    level: Level,
    chunk: &[(&Key, &Tally)],
) -> Result<HashMap<Key, Sketch>, Failure> {
    let wanted = There {
        minutes: minutes(level),
        client: chunk.iter().map(|(key, _)| key.0.0.cast_signed()).collect(),
        start: chunk.iter().map(|(key, _)| key.1.0).collect(),
        endpoint: chunk.iter().map(|(key, _)| key.2).collect(),
        verb: chunk.iter().map(|(key, _)| key.3.code().into()).collect(),
    };
    let rows: Vec<(i64, i64, i64, i16, Vec<u8>)> = wanted.load(c).await?;
    let block = |(client, start, endpoint, verb, bytes): (i64, i64, i64, i16, Vec<u8>)| {
        let key = (ClientNo(client.cast_unsigned()), Minute(start), endpoint, self::verb(start, verb)?);
        Ok((key, sketch(start, &bytes)?))
    };
    rows.into_iter().map(block).collect()
}

statement! {
    /// Hours of before a minute, so many at most.
    ForgetHours { before: i64 => BigInt, limit: i64 => BigInt } -> () =
        "DELETE FROM endpoint_block_hour WHERE ctid = ANY (ARRAY ( \
             SELECT ctid FROM endpoint_block_hour WHERE start < $1 ORDER BY start LIMIT $2))"
}

/// Deletes hours of before a minute, so many at most. How many there were.
pub(crate) async fn forget_hours(
    c: &mut AsyncPgConnection,
    before: Minute,
    limit: i64,
) -> QueryResult<usize> {
    ForgetHours { before: before.0, limit }.execute(c).await
}

/// A stored method.
pub(crate) fn verb(start: i64, code: i16) -> Result<Verb, StoreError> {
    let verb = u8::try_from(code).ok().and_then(Verb::from_code);
    verb.ok_or_else(|| bad(start, "verb", &Invalid::new("is not a known method")))
}

/// A stored sketch.
pub(crate) fn sketch(start: i64, bytes: &[u8]) -> Result<Sketch, StoreError> {
    Sketch::decode(bytes).map_err(|error| bad(start, "sketch", &error))
}

fn bad(start: i64, column: &str, error: &Invalid) -> StoreError {
    corrupt("endpoint_block", column, &format_args!("minute {start}"), error)
}
