//! How long raw rows are kept: days are dropped as a whole.

use activity_domain::error::StoreError;
use activity_domain::port::Retained;
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::days::Day;
use crate::error::{Failure, out_of_reach};
use crate::locks::Lock;
use crate::pools;
use crate::schema::retention_floor;
use crate::store::PostgresStore;

/// Rows of a day that is kept in part that are deleted in one transaction.
const MAX_ROWS: i64 = 10_000;

/// Detaching waits for everybody who has looked at raw rows before; it is the only one that is kept waiting.
const SESSION: &str = "SET statement_timeout = '50s'; SET lock_timeout = '10s'; \
                       SET application_name = 'activity-tracker retention'";

impl PostgresStore {
    /// Takes no more rows of before an instant, then drops a day of those that are there.
    pub(crate) async fn drop_before(&self, from: Timestamp) -> Result<Retained, StoreError> {
        let floor = self.write(move |c| Box::pin(async move { raise_floor(c, from).await })).await?;
        let floor = Timestamp::from_micros(floor).unwrap_or(Timestamp::EPOCH);
        let found = self.write(move |c| Box::pin(async move { Ok::<_, Failure>(next(c, floor).await?) }));
        if found.await?.is_none() {
            return self.write(move |c| Box::pin(async move { trim(c, floor).await })).await;
        }
        let server = self.primary().clone();
        // A connection of its own: what holds over transactions ends with it, whatever happens.
        let dropped = self.on_runtime(async move {
            let connection = pools::connect(&server, SESSION).await;
            let mut c = connection.map_err(|error| out_of_reach(&format_args!("{server}: {error}")))?;
            Ok(drop_day(&mut c, floor).await?)
        });
        let dropped = dropped.await?;
        Ok(dropped.map_or(Retained::default(), |dropped| Retained { dropped, more: true }))
    }
}

/// Where the floor is then. It never goes down.
async fn raise_floor(c: &mut AsyncPgConnection, from: Timestamp) -> Result<i64, Failure> {
    let floor: i64 = retention_floor::table.select(retention_floor::at).first(c).await?;
    // Where it stands already, nothing is written: this runs every second.
    if floor >= from.as_micros() {
        return Ok(floor);
    }
    // Batches that were let in before are waited for, so that none brings rows of before the floor after this.
    Lock::Gate.alone(c).await?;
    let risen = retention_floor::table.filter(retention_floor::at.lt(from.as_micros()));
    diesel::update(risen).set(retention_floor::at.eq(from.as_micros())).execute(c).await?;
    Ok(retention_floor::table.select(retention_floor::at).first(c).await?)
}

/// A day of which no row is kept.
#[derive(Debug, Clone, QueryableByName)]
struct Gone {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    is_attached: bool,
    /// Somebody began to detach it and was stopped.
    #[diesel(sql_type = Bool)]
    is_pending: bool,
}

/// The first day that lies wholly before an instant. Its name has its date, so names are in order of time. It may
/// be detached already, by somebody who was stopped then; while one is being detached, no other can be, so that
/// one comes first.
async fn next(c: &mut AsyncPgConnection, floor: Timestamp) -> QueryResult<Option<Gone>> {
    diesel::sql_query(
        "SELECT c.relname::text AS name, c.relispartition AS is_attached, \
             coalesce(i.inhdetachpending, false) AS is_pending \
         FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
             AND c.relname >= 'activity_' AND c.relname < $1::name AND c.relname ~ '^activity_[0-9]{8}$' \
         ORDER BY is_pending DESC, c.relname LIMIT 1",
    )
    .bind::<Text, _>(Day::of(floor).partition())
    .get_result(c)
    .await
    .optional()
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Bool)]
    is_ours: bool,
}

/// Drops the first day that lies wholly before an instant. How many rows it had; `None` if another instance is
/// at it.
async fn drop_day(c: &mut AsyncPgConnection, floor: Timestamp) -> Result<Option<u64>, Failure> {
    let (class, lock) = Lock::Retention.key();
    let held = diesel::sql_query("SELECT pg_try_advisory_lock($1, $2) AS is_ours");
    let held: Held = held.bind::<Integer, _>(class).bind::<Integer, _>(lock).get_result(c).await?;
    if !held.is_ours {
        return Ok(None);
    }
    let dropped = drop_next(c, floor).await;
    // The end of the connection would give it back as well, but the next call may be sooner.
    let free = diesel::sql_query("SELECT pg_advisory_unlock($1, $2)");
    free.bind::<Integer, _>(class).bind::<Integer, _>(lock).execute(c).await?;
    dropped.map(Some)
}

/// Outside a transaction, so that nobody who reads or writes other days is held up.
async fn drop_next(c: &mut AsyncPgConnection, floor: Timestamp) -> Result<u64, Failure> {
    // Another may have done it before the lock was had.
    let Some(day) = next(c, floor).await? else { return Ok(0) };
    // The name has the shape that `next` looks for, so that it needs no quotes.
    let name = &day.name;
    let count: Count =
        diesel::sql_query(format!("SELECT count(*) AS rows FROM {name}")).get_result(c).await?;
    if day.is_attached {
        let how = if day.is_pending { "FINALIZE" } else { "CONCURRENTLY" };
        let detach = format!("ALTER TABLE activity DETACH PARTITION {name} {how}");
        diesel::sql_query(detach).execute(c).await?;
    }
    diesel::sql_query(format!("DROP TABLE {name}")).execute(c).await?;
    Ok(count.rows.cast_unsigned())
}

/// Deletes rows of the day that is kept in part, if the floor is not at midnight.
async fn trim(c: &mut AsyncPgConnection, floor: Timestamp) -> Result<Retained, Failure> {
    let (first, _) = Day::of(floor).micros();
    if first == floor.as_micros() {
        return Ok(Retained::default());
    }
    // Not prepared: knowing the day, the planner looks at its partition only.
    let dropped = diesel::sql_query(
        "DELETE FROM activity WHERE at >= $1 AND at < $2 AND (client, at, id) IN ( \
             SELECT client, at, id FROM activity WHERE at >= $1 AND at < $2 LIMIT $3)",
    )
    .bind::<BigInt, _>(first)
    .bind::<BigInt, _>(floor.as_micros())
    .bind::<BigInt, _>(MAX_ROWS)
    .execute(c)
    .await?;
    Ok(Retained { dropped: dropped as u64, more: i64::try_from(dropped).is_ok_and(|n| n >= MAX_ROWS) })
}
