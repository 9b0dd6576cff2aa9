//! What changed late: written with what changed, and read by instances that keep answers about it.

use std::sync::Arc;

use activity_domain::cache::{Changed, LateChange, Position, Touched};
use activity_domain::error::{Invalid, StoreError};
use activity_domain::port::{Batch, Late, LateFeed};
use activity_domain::span::{Minute, Span};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::{Failure, corrupt};
use crate::statement::statement;
use crate::store::PostgresStore;

/// Rows in one answer. Whoever would get more begins anew.
const PAGE: i64 = 20_000;
/// How long rows are kept. Whoever did not ask for so long begins anew.
const KEPT_SECONDS: i64 = 86_400;
/// Rows forgotten in one transaction.
const MAX_FORGOTTEN: i64 = 10_000;
/// A batch writes so many rows at most: what it touches beyond that lies in between.
const MAX_ROWS: usize = 16;
/// Before and after all minutes that there are.
const EVER: (i64, i64) = (-1 << 40, 1 << 40);

statement! {
    /// Notes what begins with a quarter hour that is over, or will be in a minute.
    Note { first: Vec<i64> => Array<BigInt>, after: Vec<i64> => Array<BigInt> } -> () =
        "INSERT INTO late_quarter (first, after) SELECT s.first, s.after FROM unnest($1, $2) AS s (first, after) \
         WHERE s.first + 14 <= floor(extract(epoch FROM clock_timestamp()) / 60)::bigint"
}

/// Notes what a batch has put into quarter hours that are over, in its transaction.
pub(crate) async fn note(c: &mut AsyncPgConnection, batch: &Batch) -> QueryResult<()> {
    let times = batch.records.iter().map(|record| record.activity.at);
    let spans = times.collect::<Touched>().within(MAX_ROWS);
    let (first, after) = spans.spans().iter().map(|span| (span.from.0, span.to.0)).unzip();
    Note { first, after }.execute(c).await.map(|_| ())
}

statement! {
    NoteAny { first: Option<i64> => Nullable<BigInt>, after: Option<i64> => Nullable<BigInt> } -> () =
        "INSERT INTO late_quarter (first, after) VALUES ($1, $2)"
}

/// Notes that names of clients changed.
pub(crate) async fn note_names(c: &mut AsyncPgConnection) -> QueryResult<()> {
    NoteAny { first: None, after: None }.execute(c).await.map(|_| ())
}

/// Notes that everything changed.
pub(crate) async fn note_everything(c: &mut AsyncPgConnection) -> QueryResult<()> {
    NoteAny { first: Some(EVER.0), after: Some(EVER.1) }.execute(c).await.map(|_| ())
}

statement! {
    /// Where the store stands: the snapshot, its ends, from where on rows are kept, the time, and the history: a
    /// standby that is promoted begins another timeline. A number that was never given out is that of another
    /// database, which this one was restored from.
    Here {} -> (Text, BigInt, BigInt, BigInt, BigInt, Text) =
        "SELECT s.here::text, pg_snapshot_xmin(s.here)::text::bigint, pg_snapshot_xmax(s.here)::text::bigint, \
             CASE WHEN f.tx > pg_snapshot_xmax(s.here)::text::bigint THEN 0 ELSE f.tx END, \
             floor(extract(epoch FROM transaction_timestamp()) * 1000000)::bigint, \
             (SELECT system_identifier FROM pg_control_system())::text || '.' \
                 || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) \
         FROM (SELECT pg_current_snapshot() AS here) s, late_floor f"
}

statement! {
    /// Rows that a snapshot does not have, newest first.
    Since<'a> { from: i64 => BigInt, open: i64 => BigInt, words: &'a str => Text, limit: i64 => BigInt }
    -> (BigInt, Nullable<BigInt>, Nullable<BigInt>) =
        "SELECT tx, first, after FROM late_quarter WHERE tx >= $1 AND tx < $2 \
             AND NOT pg_visible_in_snapshot(tx::text::xid8, $3::pg_snapshot) ORDER BY tx DESC LIMIT $4"
}

/// A snapshot that has nothing in it.
const NOTHING: &str = "1:1:";

type Row = (i64, Option<i64>, Option<i64>);

#[async_trait]
impl LateFeed for PostgresStore {
    async fn late_since(&self, since: Option<&Position>) -> Result<Late, StoreError> {
        let since = since.cloned();
        self.follow(move |c| Box::pin(async move { since_position(c, since.as_ref()).await })).await
    }
}

async fn since_position(c: &mut AsyncPgConnection, since: Option<&Position>) -> Result<Late, Failure> {
    let (words, settled, open, floor, at, history): (String, i64, i64, i64, i64, String) =
        Here {}.get_result(c).await?;
    let known = since.filter(|since| *since.history == *history && since.settled.cast_signed() >= floor);
    let (from, seen) =
        known.map_or((floor, NOTHING), |since| (since.settled.cast_signed(), since.words.as_ref()));
    let rows: Vec<Row> = Since { from, open, words: seen, limit: PAGE + 1 }.load(c).await?;
    let is_cut = i64::try_from(rows.len()).is_ok_and(|rows| rows > PAGE);
    // Of the last transaction there may be rows that did not come.
    let from = if is_cut { rows.last().map_or(floor, |(tx, ..)| tx + 1) } else { from };
    let changes = rows.into_iter().filter(|(tx, ..)| *tx >= from).map(change).collect::<Result<_, _>>()?;
    let position = Position {
        history: history.into(),
        settled: settled.cast_unsigned(),
        open: open.cast_unsigned(),
        words: Arc::from(words),
    };
    let at = Timestamp::from_micros(at).map_err(|error| corrupt("late_quarter", "at", &at, &error))?;
    let from = (is_cut || known.is_none()).then_some(from.cast_unsigned());
    Ok(Late { position, at, changes, from })
}

fn change((tx, first, after): Row) -> Result<LateChange, Failure> {
    let what = match (first, after) {
        (Some(first), Some(after)) => Changed::Minutes(Span { from: Minute(first), to: Minute(after) }),
        (None, None) => Changed::Names,
        _ => return Err(corrupt("late_quarter", "first", &tx, &Invalid::new("is half a span")).into()),
    };
    Ok(LateChange { no: tx.cast_unsigned(), what })
}

statement! {
    /// The last of the oldest transactions that are old enough, so many rows at most.
    Old { before: i64 => BigInt, limit: i64 => BigInt } -> Nullable<BigInt> =
        "SELECT max(tx) FROM (SELECT tx, at FROM late_quarter ORDER BY tx LIMIT $2) o WHERE at < $1"
}

statement! {
    Forget { last: i64 => BigInt } -> () =
        "WITH gone AS (DELETE FROM late_quarter WHERE tx <= $1) \
         UPDATE late_floor SET tx = greatest(tx, $1 + 1)"
}

/// Forgets old rows. Whoever reads sees from where on they are all there.
pub(crate) async fn forget(c: &mut AsyncPgConnection, now: Timestamp) -> QueryResult<()> {
    let before = now.plus_seconds(-KEPT_SECONDS).as_micros();
    let last: Option<i64> = Old { before, limit: MAX_FORGOTTEN }.get_result(c).await?;
    if let Some(last) = last {
        Forget { last }.execute(c).await?;
    }
    Ok(())
}
