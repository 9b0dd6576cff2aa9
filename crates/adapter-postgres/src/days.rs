//! Days of raw rows: a partition of `activity` for each day of UTC that has some.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::span::{Level, Minute};
use activity_domain::time::Timestamp;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::Failure;
use crate::statement::statement;

/// How many days are remembered; beyond that the memory starts anew.
const REMEMBERED: usize = 10_000;
/// Days that are made before their first row comes, so that midnight holds up nobody.
const AHEAD: i64 = 2;

/// A day of UTC, by its first minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(Minute);

impl Day {
    /// The day that an instant lies in.
    pub fn of(at: Timestamp) -> Self {
        Self(Level::Day.block_of(at.minute()))
    }

    /// The first microsecond, and the first one after.
    pub fn micros(self) -> (i64, i64) {
        const DAY: i64 = 86_400_000_000;
        let first = Timestamp::from(self.0).as_micros();
        (first, first + DAY)
    }

    /// The name of its partition, such as `activity_20260310`.
    pub fn partition(self) -> String {
        let date: String = Timestamp::from(self.0).to_string().chars().take(10).collect();
        format!("activity_{}", date.replace('-', ""))
    }

    fn plus(self, days: i64) -> Self {
        Self(Minute(self.0.0 + days * Level::Day.minutes()))
    }
}

/// Days that are known to have a partition. A partition is dropped only when its rows are not taken any more.
#[derive(Default)]
pub(crate) struct Days(Mutex<HashSet<Day>>);

statement! {
    /// Makes the partition of a day, if there is none.
    Make { name: String => Text, first: i64 => BigInt, after: i64 => BigInt } -> () =
        "SELECT make_activity_day($1, $2, $3)"
}

impl Days {
    /// Those that are not known to have a partition.
    pub fn missing(&self, days: BTreeSet<Day>) -> Vec<Day> {
        let known = self.lock();
        days.into_iter().filter(|day| !known.contains(day)).collect()
    }

    /// Those of the next days that are not known to have a partition.
    pub fn missing_ahead(&self, now: Timestamp) -> Vec<Day> {
        let today = Day::of(now);
        self.missing((0..=AHEAD).map(|days| today.plus(days)).collect())
    }

    /// Remembers that these have one.
    pub fn remember(&self, days: Vec<Day>) {
        let mut known = self.lock();
        if known.len() + days.len() > REMEMBERED {
            known.clear();
        }
        known.extend(days);
    }

    /// Forgets what is known: it is not so.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Day>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes partitions, each in a transaction of its own: outside any other.
pub(crate) async fn make(c: &mut AsyncPgConnection, days: &[Day]) -> Result<(), Failure> {
    for day in days {
        let (first, after) = day.micros();
        Make { name: day.partition(), first, after }.execute(c).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use activity_contract::make::{LATEST, at};

    use super::*;

    #[test]
    fn a_day_has_its_instants_and_a_name() {
        let day = Day::of(at("2026-03-10T23:59:59.999999Z"));
        let (first, after) = day.micros();
        assert_eq!(
            (first, after),
            (at("2026-03-10T00:00:00Z").as_micros(), at("2026-03-11T00:00:00Z").as_micros())
        );
        assert_eq!(day.partition(), "activity_20260310");
        assert_eq!(Day::of(at(LATEST)).partition(), "activity_99991230");
        assert!(at(LATEST).as_micros() < Day::of(at(LATEST)).micros().1);
        assert_eq!(Day::of(Timestamp::EPOCH).partition(), "activity_19700101");
    }
}
