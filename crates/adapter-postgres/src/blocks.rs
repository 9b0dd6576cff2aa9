//! Blocks of usage: written whole, many at a time; read back as sums, which answers take as they are, and as
//! cells, which merge.

use std::collections::BTreeMap;

use activity_domain::error::{Invalid, StoreError};
use activity_domain::rollup::{ClientNo, Parts, Profile, Summary};
use activity_domain::sketch::Quantiles;
use activity_domain::span::{Level, Minute, Run};
use activity_domain::time::Timestamp;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::{Failure, corrupt};
use crate::pages::Pages;
use crate::statement::{Columns, of_columns, statement};

/// Blocks in one statement.
const CHUNK: usize = 2_000;

/// The length of a level's blocks, as the tables have it.
pub(crate) fn minutes(level: Level) -> i32 {
    i32::try_from(level.minutes()).unwrap_or(i32::MAX)
}

/// Blocks of one length, by first minute and client.
pub(crate) type Blocks = BTreeMap<(Minute, ClientNo), Profile>;

/// Adds to blocks, and sets in pages what they come to. Nobody else may do so at the same time: blobs are merged here and not in the database, and what
/// is not there when it is looked for is inserted without another look.
pub(crate) async fn add(
    c: &mut AsyncPgConnection,
    level: Level,
    fresh: &Blocks,
    pages: &mut Pages,
) -> Result<(), Failure> {
    let fresh: Vec<_> = fresh.iter().collect();
    for chunk in fresh.chunks(CHUNK) {
        let mut profiles = there(c, level, chunk.iter().map(|(key, _)| **key)).await?;
        let (mut new, mut known) = (Whole::of(level), Whole::of(level));
        for (key, more) in chunk {
            let sum = match profiles.remove(*key) {
                None => new.push(**key, more),
                Some(mut profile) => {
                    profile.merge(more);
                    known.push(**key, &profile)
                }
            };
            pages.set(level, key.0, key.1, &sum);
        }
        if !new.start.is_empty() {
            InsertNew(new).execute(c).await?;
        }
        if !known.start.is_empty() {
            Replace(known).execute(c).await?;
        }
    }
    Ok(())
}

statement! {
    /// Each is looked up by its key, however many there are.
    There { minutes: i32 => Integer, start: Vec<i64> => Array<BigInt>, client: Vec<i64> => Array<BigInt> }
    -> (BigInt, BigInt, BigInt, Binary) =
        "SELECT b.start, b.client, b.last_seen, b.cells FROM (SELECT unnest($2) AS start, unnest($3) AS client) AS wanted \
         CROSS JOIN LATERAL ( \
             SELECT * FROM usage_block u \
             WHERE u.minutes = $1 AND u.start = wanted.start AND u.client = wanted.client OFFSET 0) b"
}

async fn there(
    c: &mut AsyncPgConnection,
    level: Level,
    keys: impl Iterator<Item = (Minute, ClientNo)>,
) -> Result<Blocks, Failure> {
    let (start, client) = keys.map(|(start, no)| (start.0, no.0.cast_signed())).unzip();
    let rows: Vec<CellsRow> = There { minutes: minutes(level), start, client }.load(c).await?;
    let block = |row: CellsRow| Ok(((Minute(row.start), row.client()), row.profile()?));
    rows.into_iter().map(block).collect()
}

macro_rules! insert {
    ($rest:literal) => {
        concat!(
            "INSERT INTO usage_block (minutes, start, client, requests, errors, timed, micros, last_seen, \
                 quantiles, parts, cells) \
             SELECT $1, unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8), \
                 unnest($9), unnest($10), unnest($11)",
            $rest
        )
    };
}

of_columns! {
    /// Writes blocks that are not there.
    InsertNew(Whole) -> () = insert!("")
}

of_columns! {
    /// Writes blocks in place of what is there.
    Replace(Whole) -> () = insert!(
        " ON CONFLICT (minutes, start, client) DO UPDATE SET requests = excluded.requests, \
             errors = excluded.errors, timed = excluded.timed, micros = excluded.micros, \
             last_seen = excluded.last_seen, quantiles = excluded.quantiles, parts = excluded.parts, \
             cells = excluded.cells"
    )
}

/// Blocks of one length by columns.
#[derive(Default)]
struct Whole {
    minutes: i32,
    start: Vec<i64>,
    client: Vec<i64>,
    requests: Vec<i64>,
    errors: Vec<i64>,
    timed: Vec<i64>,
    micros: Vec<i64>,
    last_seen: Vec<i64>,
    quantiles: Vec<Option<i64>>,
    parts: Vec<Vec<u8>>,
    cells: Vec<Vec<u8>>,
}

impl Whole {
    fn of(level: Level) -> Self {
        Self { minutes: minutes(level), ..Self::default() }
    }

    /// Says what it comes to.
    fn push(&mut self, (start, client): (Minute, ClientNo), profile: &Profile) -> Summary {
        let sum = Summary::from(&profile.total());
        self.start.push(start.0);
        self.client.push(client.0.cast_signed());
        self.requests.push(sum.requests.cast_signed());
        self.errors.push(sum.errors.cast_signed());
        self.timed.push(sum.timed.cast_signed());
        self.micros.push(sum.micros.cast_signed());
        self.last_seen.push(sum.last_seen.map_or(0, Timestamp::as_micros));
        self.quantiles.push(sum.quantiles.map(|quantiles| quantiles.code().cast_signed()));
        self.parts.push(Parts::from(profile).encode());
        self.cells.push(profile.encode());
        sum
    }
}

impl Columns for Whole {
    fn push_binds<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param_value_only::<Integer, _>(&self.minutes)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.start)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.client)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.requests)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.errors)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.timed)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.micros)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.last_seen)?;
        out.push_bind_param_value_only::<Array<Nullable<BigInt>>, _>(&self.quantiles)?;
        out.push_bind_param_value_only::<Array<Binary>, _>(&self.parts)?;
        out.push_bind_param_value_only::<Array<Binary>, _>(&self.cells)
    }
}

statement! {
    /// What a client's blocks of a run keep for answers.
    Sums { minutes: i32 => Integer, from: i64 => BigInt, to: i64 => BigInt, client: i64 => BigInt }
    -> (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>, Binary) =
        "SELECT start, client, requests, errors, timed, micros, last_seen, quantiles, parts \
         FROM usage_block WHERE minutes = $1 AND start >= $2 AND start < $3 AND client = $4"
}

/// The sums of a client's blocks in a run.
pub(crate) async fn sums(c: &mut AsyncPgConnection, run: Run, client: ClientNo) -> QueryResult<Vec<SumsRow>> {
    let (from, to, client) = (run.span.from.0, run.span.to.0, client.0.cast_signed());
    Sums { minutes: minutes(run.level), from, to, client }.load(c).await
}

statement! {
    /// The cells of some clients' blocks in a run.
    Cells {
        minutes: i32 => Integer,
        from: i64 => BigInt,
        to: i64 => BigInt,
        clients: Vec<i64> => Array<BigInt>,
    } -> (BigInt, BigInt, BigInt, Binary) =
        "SELECT b.* FROM unnest($4) AS wanted (client) CROSS JOIN LATERAL ( \
             SELECT u.start, u.client, u.last_seen, u.cells FROM usage_block u \
             WHERE u.minutes = $1 AND u.start >= $2 AND u.start < $3 AND u.client = wanted.client OFFSET 0) b"
}

/// Clients whose cells are held at once.
const CLIENTS: usize = 200;

/// Hands over the profiles of some clients' blocks in a run, with the first minute of each.
pub(crate) async fn for_each_profile(
    c: &mut AsyncPgConnection,
    run: Run,
    clients: &[ClientNo],
    mut take: impl FnMut(Minute, ClientNo, Profile),
) -> Result<(), Failure> {
    for chunk in clients.chunks(CLIENTS) {
        let cells = Cells {
            minutes: minutes(run.level),
            from: run.span.from.0,
            to: run.span.to.0,
            clients: chunk.iter().map(|no| no.0.cast_signed()).collect(),
        };
        let rows: Vec<CellsRow> = cells.load(c).await?;
        for row in rows {
            take(Minute(row.start), row.client(), row.profile()?);
        }
    }
    Ok(())
}

statement! {
    /// Minutes of before a minute, so many at most, and pages of such. There is no page without a block, so that
    /// there are no more of them.
    ForgetMinutes { before: i64 => BigInt, limit: i64 => BigInt } -> () =
        "WITH pages AS (DELETE FROM usage_page WHERE ctid = ANY (ARRAY ( \
             SELECT ctid FROM usage_page WHERE minutes = 1 AND start < $1 ORDER BY start LIMIT $2))) \
         DELETE FROM usage_block_minute WHERE ctid = ANY (ARRAY ( \
             SELECT ctid FROM usage_block_minute WHERE minutes = 1 AND start < $1 ORDER BY start LIMIT $2))"
}

/// Deletes minutes of before a minute and their pages, so many at most. How many minutes there were.
pub(crate) async fn forget_minutes(
    c: &mut AsyncPgConnection,
    before: Minute,
    limit: i64,
) -> QueryResult<usize> {
    ForgetMinutes { before: before.0, limit }.execute(c).await
}

/// What a block keeps for answers.
#[derive(diesel::Queryable)]
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
        Ok(Summary {
            requests: self.requests.cast_unsigned(),
            errors: self.errors.cast_unsigned(),
            timed: self.timed.cast_unsigned(),
            micros: self.micros.cast_unsigned(),
            last_seen: Some(last_seen(self.client, self.start, self.last_seen)?),
            quantiles: quantiles(self.client, self.start, self.quantiles)?,
        })
    }

    pub fn parts(&self) -> Result<Parts, StoreError> {
        Parts::decode(&self.parts).map_err(|error| bad(self.client, self.start, "parts", &error))
    }
}

#[derive(diesel::Queryable)]
struct CellsRow {
    start: i64,
    client: i64,
    last_seen: i64,
    cells: Vec<u8>,
}

impl CellsRow {
    fn client(&self) -> ClientNo {
        ClientNo(self.client.cast_unsigned())
    }

    fn profile(&self) -> Result<Profile, StoreError> {
        let last_seen = last_seen(self.client, self.start, self.last_seen)?;
        Profile::decode(&self.cells, Some(last_seen))
            .map_err(|error| bad(self.client, self.start, "cells", &error))
    }
}

/// A stored latest event time of a block.
pub(crate) fn last_seen(client: i64, start: i64, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_micros(micros).map_err(|error| bad(client, start, "last_seen", &error))
}

/// Stored percentiles of a block.
pub(crate) fn quantiles(client: i64, start: i64, code: Option<i64>) -> Result<Option<Quantiles>, StoreError> {
    let quantiles = code.map(|code| Quantiles::from_code(code.cast_unsigned())).transpose();
    quantiles.map_err(|error| bad(client, start, "quantiles", &error))
}

fn bad(client: i64, start: i64, column: &str, error: &Invalid) -> StoreError {
    corrupt("usage_block", column, &format_args!("client {client} from minute {start}"), error)
}
