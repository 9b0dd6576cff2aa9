//! Where raw rows are: blocks tell the days on which a client, or anybody, has some.

use std::collections::BTreeSet;

use activity_domain::rollup::ClientNo;
use activity_domain::span::{Level, Minute};
use activity_domain::time::Timestamp;
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::Failure;
use crate::pending;
use crate::statement::statement;

/// The most days in one stretch: each is a partition to be opened.
const MAX_DAYS: i64 = 32;

/// From the newest to the oldest stretch of time in which there may be rows.
pub(crate) struct Whereabouts {
    client: ClientNo,
    /// The first microsecond that is of interest.
    from: i64,
    /// Days that waiting deltas may be about.
    pending: BTreeSet<Minute>,
    /// Days of the next stretch: few rows on each make it longer.
    days: i64,
}

impl Whereabouts {
    /// Of a client, or of everybody.
    pub async fn of(c: &mut AsyncPgConnection, client: ClientNo, from: i64) -> Result<Self, Failure> {
        let pending = pending::days(c, client).await?;
        Ok(Self { client, from, pending, days: 1 })
    }

    /// The next stretch before an instant, as a half-open range of microseconds. `None`: there is no more.
    pub async fn next(
        &mut self,
        c: &mut AsyncPgConnection,
        before: i64,
    ) -> Result<Option<(i64, i64)>, Failure> {
        if before <= self.from {
            return Ok(None);
        }
        // The last minute that has an instant before `before` in it.
        let last = Minute((before - 1).div_euclid(MICROS_PER_MINUTE));
        let waiting = self.pending.range(..=last).next_back().copied();
        let Some(day) = waiting.max(newest(c, self.client, last).await?) else { return Ok(None) };
        let first = Minute(day.0 - (self.days - 1) * Level::Day.minutes());
        self.days = (self.days * 4).min(MAX_DAYS);
        let micros = |minute: Minute| Timestamp::from(Minute(minute.0.max(0))).as_micros();
        // Not beyond the last instant there is: it has a day of its own, too.
        let to = micros(day) + Level::Day.minutes() * MICROS_PER_MINUTE;
        let stretch = (micros(first).max(self.from), to.min(before));
        Ok(Some(stretch).filter(|(from, to)| from < to))
    }
}

const MICROS_PER_MINUTE: i64 = 60_000_000;

statement! {
    /// The newest day of a client's blocks that begins no later than a minute.
    Newest { client: i64 => BigInt, last: i64 => BigInt } -> Nullable<BigInt> =
        "SELECT max(start) FROM usage_block WHERE client = $1 AND minutes = 1440 AND start <= $2"
}

async fn newest(c: &mut AsyncPgConnection, client: ClientNo, last: Minute) -> QueryResult<Option<Minute>> {
    let newest = Newest { client: client.0.cast_signed(), last: last.0 };
    Ok(newest.get_result::<Option<i64>>(c).await?.map(Minute))
}
