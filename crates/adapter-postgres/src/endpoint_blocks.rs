//! Blocks of endpoints, written many at a time.

use std::collections::{BTreeMap, HashMap};

use activity_domain::error::{Invalid, StoreError};
use activity_domain::hygiene::Verb;
use activity_domain::rollup::{ClientNo, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Level, Minute};
use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Integer, SmallInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::minutes;
use crate::error::{Failure, corrupt};
use crate::statement::statement;

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
         FROM unnest($2, $3, $4, $5) AS wanted (client, start, endpoint, verb) CROSS JOIN LATERAL ( \
             SELECT * FROM endpoint_block e WHERE e.minutes = $1 AND e.client = wanted.client \
                 AND e.start = wanted.start AND e.endpoint = wanted.endpoint AND e.verb = wanted.verb OFFSET 0) b"
}

statement! {
    /// Adds numbers, and writes sketches in place of what is there.
    Put {
        minutes: i32 => Integer,
        client: Vec<i64> => Array<BigInt>,
        start: Vec<i64> => Array<BigInt>,
        endpoint: Vec<i64> => Array<BigInt>,
        verb: Vec<i16> => Array<SmallInt>,
        requests: Vec<i64> => Array<BigInt>,
        errors: Vec<i64> => Array<BigInt>,
        timed: Vec<i64> => Array<BigInt>,
        micros: Vec<i64> => Array<BigInt>,
        sketch: Vec<Vec<u8>> => Array<Binary>,
    } -> () =
        "INSERT INTO endpoint_block AS b \
             (minutes, client, start, endpoint, verb, requests, errors, timed, micros, sketch) \
         SELECT $1, fresh.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) AS fresh \
         ON CONFLICT (minutes, client, start, endpoint, verb) DO UPDATE SET \
             requests = b.requests + excluded.requests, errors = b.errors + excluded.errors, \
             timed = b.timed + excluded.timed, micros = b.micros + excluded.micros, sketch = excluded.sketch"
}

/// Adds to blocks of one length. Nobody else may do so at the same time: sketches are merged here and not in
/// the database.
pub(crate) async fn add(
    c: &mut AsyncPgConnection,
    level: Level,
    fresh: &BTreeMap<Key, Tally>,
) -> Result<(), Failure> {
    let fresh: Vec<(&Key, &Tally)> = fresh.iter().collect();
    for chunk in fresh.chunks(CHUNK) {
        let mut sketches = there(c, level, chunk).await?;
        let mut whole = |(key, tally): &(&Key, &Tally)| {
            let mut sketch = sketches.remove(*key).unwrap_or_default();
            sketch.merge(&tally.sketch);
            sketch.encode()
        };
        let sketch = chunk.iter().map(&mut whole).collect();
        put(c, level, chunk, sketch).await?;
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

async fn put(
    c: &mut AsyncPgConnection,
    level: Level,
    chunk: &[(&Key, &Tally)],
    sketch: Vec<Vec<u8>>,
) -> QueryResult<()> {
    let numbers = |of: fn(&Tally) -> u64| chunk.iter().map(|(_, tally)| of(tally).cast_signed()).collect();
    let blocks = Put {
        minutes: minutes(level),
        client: chunk.iter().map(|(key, _)| key.0.0.cast_signed()).collect(),
        start: chunk.iter().map(|(key, _)| key.1.0).collect(),
        endpoint: chunk.iter().map(|(key, _)| key.2).collect(),
        verb: chunk.iter().map(|(key, _)| key.3.code().into()).collect(),
        requests: numbers(|tally| tally.requests),
        errors: numbers(|tally| tally.errors),
        timed: numbers(|tally| tally.timed),
        micros: numbers(|tally| tally.micros),
        sketch,
    };
    blocks.execute(c).await.map(|_| ())
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
