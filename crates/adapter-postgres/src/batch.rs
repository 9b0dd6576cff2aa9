//! The one transaction that makes an activity count: cursor, rows, delta.

use std::sync::Arc;

use activity_domain::error::StoreError;
use activity_domain::id::{ClientId, StreamId};
use activity_domain::port::{Append, Appended, Batch};
use activity_domain::rollup::{ClientNo, Counting, Delta};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::late;
use crate::locks::Lock;
use crate::numbers::{self, NumberCache, Numbers};
use crate::rows::{Outcome, Rows};
use crate::schema::{cursor, usage_delta};
use crate::set_aside::Kept;
use crate::sink::{Insertion, Unstored};
use crate::statement::statement;

pub(crate) async fn position(c: &mut AsyncPgConnection, stream: StreamId) -> QueryResult<Option<i64>> {
    cursor::table.find(stream.0).select(cursor::next).first(c).await.optional()
}

/// Stores a batch, in the transaction that calls it. With the numbers of its clients, and the generation that they
/// hold for, to be remembered once it is committed.
pub(crate) async fn append(
    c: &mut AsyncPgConnection,
    batch: &Arc<Batch>,
    known: &NumberCache,
    insertion: Insertion,
) -> Result<(Append, i64, Numbers), Unstored> {
    if !move_cursor(c, batch).await? {
        let at = position(c, batch.stream).await?.unwrap_or(0);
        return Ok((Append::Moved(at.cast_unsigned()), 0, Numbers::new()));
    }
    // A statement of its own, so that it sees what was decided before the gate was passed.
    let (generation, floor): (i64, i64) = Decided {}.get_result(c).await?;
    let clients = batch.records.iter().map(|record| &record.activity.client).collect();
    let (mut numbers, others) = known.split(generation, clients);
    if !others.is_empty() {
        numbers.extend(numbers::find_or_make(c, &others).await?);
    }
    let sorted = Sorted::of(batch, &numbers, floor);
    let mut appended =
        Appended { duplicate: sorted.duplicate, discarded: sorted.discarded, ..Appended::default() };
    let mut kept = Kept::of(batch.stream);
    let order = Arc::new(sorted.order);
    if insertion == Insertion::AsNew {
        insert_new(c, batch, order, &mut appended).await?;
    } else {
        insert(c, batch, &order, insertion, &mut appended, &mut kept).await?;
    }
    for unreadable in &batch.unreadable {
        kept.push(None, &unreadable.payload, &unreadable.reason);
    }
    appended.set_aside = kept.write(c).await?;
    if appended.stored > 0 {
        late::note(c, batch).await?;
    }
    Ok((Append::Stored(appended), generation, numbers))
}

statement! {
    /// Moves a cursor if it stands where it is expected, and then passes the gate.
    MoveCursor {
        stream: Uuid => SqlUuid,
        next: i64 => BigInt,
        expected: i64 => BigInt,
        class: i32 => Integer,
        lock: i32 => Integer,
    } -> () =
        "WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($4, $5)) \
         INSERT INTO cursor (stream, next) SELECT $1, $2 FROM gate \
         WHERE $3 = 0 OR EXISTS (SELECT FROM cursor WHERE stream = $1) \
         ON CONFLICT (stream) DO UPDATE SET next = excluded.next WHERE cursor.next = $3"
}

statement! {
    /// What decides which rows are taken: the last erasure, and from which instant on rows are kept.
    Decided {} -> (BigInt, BigInt) =
        "SELECT coalesce((SELECT max(no) FROM tombstone), 0), (SELECT at FROM retention_floor)"
}

/// Compares and sets. Who does it with the same stream at this moment is waited for.
async fn move_cursor(c: &mut AsyncPgConnection, batch: &Batch) -> QueryResult<bool> {
    let (class, lock) = Lock::Gate.key();
    let (next, expected) = (batch.next.cast_signed(), batch.expected.cast_signed());
    let moved = MoveCursor { stream: batch.stream.0, next, expected, class, lock }.execute(c).await?;
    Ok(moved == 1)
}

/// A batch in the order of the table's key, so that rows land beside each other, and two batches with the same
/// rows meet them in the same order. Of rows with one key, the first is left.
struct Sorted {
    order: Vec<(ClientNo, usize)>,
    duplicate: u64,
    discarded: u64,
}

impl Sorted {
    fn of(batch: &Batch, numbers: &Numbers, floor: i64) -> Self {
        let number = |id: &ClientId| numbers.get(id).copied();
        let records = batch.records.iter().enumerate();
        let taken = records.filter(|(_, record)| record.activity.at.as_micros() >= floor);
        let mut order: Vec<(ClientNo, usize)> =
            taken.filter_map(|(i, record)| Some((number(&record.activity.client)?, i))).collect();
        let discarded = (batch.records.len() - order.len()) as u64;
        let key = |(no, i): &(ClientNo, usize)| {
            let activity = &batch.records[*i].activity;
            (*no, activity.at, activity.id)
        };
        // Stable, so that the first of one key stays the first.
        order.sort_by_key(key);
        let before = order.len();
        order.dedup_by_key(|row| key(row));
        Self { duplicate: (before - order.len()) as u64, discarded, order }
    }
}

/// Rows by their clients' numbers and their places in the batch.
type Order = [(ClientNo, usize)];

fn columns<'a>(batch: &'a Batch, order: &Order) -> Rows<'a> {
    let mut rows = Rows::default();
    for (no, i) in order {
        rows.push(*no, &batch.records[*i].activity);
    }
    rows
}

/// Inserts rows that are expected to be new, and counts them meanwhile: once they are in, they all count.
async fn insert_new(
    c: &mut AsyncPgConnection,
    batch: &Arc<Batch>,
    order: Arc<Vec<(ClientNo, usize)>>,
    appended: &mut Appended,
) -> Result<(), Unstored> {
    let (counted, places) = (batch.clone(), order.clone());
    let counting = tokio::task::spawn_blocking(move || {
        let mut counting = Counting::default();
        for (no, i) in &*places {
            counting.add(*no, &counted.records[*i].activity);
        }
        Increments::of(&counting.finish())
    });
    columns(batch, &order).insert_new(c).await.map_err(Unstored::by_rows)?;
    let increments = counting.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    appended.stored = order.len() as u64;
    Ok(add_delta(c, increments).await?)
}

/// Inserts rows, and counts those that are fresh.
async fn insert<'a>(
    c: &mut AsyncPgConnection,
    batch: &'a Batch,
    order: &Order,
    insertion: Insertion,
    appended: &mut Appended,
    kept: &mut Kept<'a>,
) -> Result<(), Unstored> {
    let rows = columns(batch, order);
    let outcomes = match insertion {
        Insertion::OneByOne => rows.insert_one_by_one(c).await,
        Insertion::AsNew | Insertion::Together => rows.insert(c).await,
    };
    let outcomes = outcomes.map_err(Unstored::by_rows)?;
    check_for_outage(&outcomes)?;
    let mut counting = Counting::default();
    for ((no, i), outcome) in order.iter().zip(outcomes) {
        let record = &batch.records[*i];
        match outcome {
            Outcome::Fresh => {
                appended.stored += 1;
                counting.add(*no, &record.activity);
            }
            Outcome::Known => appended.duplicate += 1,
            Outcome::Refused(reason) => kept.push(Some(*no), &record.payload, &reason),
        }
    }
    Ok(add_delta(c, Increments::of(&counting.finish())).await?)
}

/// All rows of a longer batch refused alike is an outage.
fn check_for_outage(outcomes: &[Outcome]) -> Result<(), Unstored> {
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Refused(_))).count();
    if outcomes.len() > 1 && refused == outcomes.len() {
        let reason = "every row of a batch is refused: this looks like a damaged schema, not like bad rows";
        return Err(StoreError::Unavailable(reason.into()).into());
    }
    Ok(())
}

/// A delta as it is stored; `None` for one that says nothing.
struct Increments {
    first_minute: i64,
    last_minute: i64,
    entries: i64,
    bytes: Vec<u8>,
}

impl Increments {
    fn of(delta: &Delta) -> Option<Self> {
        let (first, last) = delta.bounds()?;
        let entries = i64::try_from(delta.len()).unwrap_or(i64::MAX);
        Some(Self { first_minute: first.0, last_minute: last.0, entries, bytes: delta.encode() })
    }
}

async fn add_delta(c: &mut AsyncPgConnection, increments: Option<Increments>) -> QueryResult<()> {
    let Some(increments) = increments else { return Ok(()) };
    diesel::insert_into(usage_delta::table)
        .values((
            usage_delta::first_minute.eq(increments.first_minute),
            usage_delta::last_minute.eq(increments.last_minute),
            usage_delta::entries.eq(increments.entries),
            usage_delta::increments.eq(increments.bytes),
        ))
        .execute(c)
        .await?;
    Ok(())
}
