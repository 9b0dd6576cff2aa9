//! Where a client's raw rows are. Rows lie in order of time, everybody's among each other; a client's blocks
//! tell in which minutes it has some, so that what lies between them is passed over.

use activity_domain::rollup::ClientNo;
use activity_domain::span::{Level, Minute, Span};
use activity_domain::time::Timestamp;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::pending;
use crate::schema::usage_block;

/// From the newest to the oldest stretch of time in which there may be rows.
pub(crate) struct Whereabouts {
    client: Option<ClientNo>,
    /// The first microsecond that is of interest.
    from: i64,
    /// Minutes in which deltas that wait have rows of the client.
    pending: Vec<Minute>,
}

impl Whereabouts {
    /// Of everybody: anywhere.
    pub fn everywhere(from: i64) -> Self {
        Self { client: None, from, pending: Vec::new() }
    }

    /// Of one client.
    pub fn of_client(c: &mut SqliteConnection, no: ClientNo, from: i64) -> Result<Self, Failure> {
        let always = Span { from: Minute(0), to: Minute(i64::MAX) };
        let deltas = pending::deltas(c, always)?;
        let minutes = pending::profiles(&deltas, always, Some(no)).map(|(minute, _, _)| minute);
        Ok(Self { client: Some(no), from, pending: minutes.collect() })
    }

    /// Whose they are; `None` for everybody.
    pub fn client(&self) -> Option<ClientNo> {
        self.client
    }

    /// The next stretch before an instant, as a half-open range of microseconds. `None`: there is no more.
    pub fn next(&self, c: &mut SqliteConnection, before: i64) -> Result<Option<(i64, i64)>, Failure> {
        if before <= self.from {
            return Ok(None);
        }
        let Some(no) = self.client else { return Ok(Some((self.from, before))) };
        // The last minute that has an instant before `before` in it.
        let last = (before - 1).div_euclid(MICROS_PER_MINUTE);
        let waiting = self.pending.iter().filter(|minute| minute.0 <= last).max();
        let waiting = waiting.map(|minute| stretch(*minute, Level::Minute));
        // The one that ends last: a longer block may begin before a minute and reach over it.
        let found = [waiting, newest(c, no, last)?].into_iter().flatten().max_by_key(|(_, end)| *end);
        Ok(found.map(|(start, end)| (start.max(self.from), end)).filter(|(start, end)| start < end))
    }
}

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// Minutes are kept for some days, and for the time since then they are complete; quarter hours tell of the
/// time before.
fn newest(c: &mut SqliteConnection, no: ClientNo, last: i64) -> QueryResult<Option<(i64, i64)>> {
    for level in [Level::Minute, Level::Quarter] {
        let start: Option<i64> = usage_block::table
            .filter(usage_block::client.eq(no.0.cast_signed()))
            .filter(usage_block::minutes.eq(level.minutes()))
            .filter(usage_block::start.le(last))
            .select(max(usage_block::start))
            .get_result(c)?;
        if let Some(start) = start {
            return Ok(Some(stretch(Minute(start), level)));
        }
    }
    Ok(None)
}

fn stretch(start: Minute, level: Level) -> (i64, i64) {
    let micros = |minute| Timestamp::from(minute).as_micros();
    (micros(start), micros(Minute(start.0 + level.minutes())))
}
