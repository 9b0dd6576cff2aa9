//! Counting: tallies that merge, and the delta that a batch adds to them.

use std::collections::BTreeMap;

use crate::activity::Activity;
use crate::error::Invalid;
use crate::sketch::{Sketch, put, take};
use crate::span::Minute;
use crate::time::Timestamp;

/// What is counted about a set of activities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there are.
    pub requests: u64,
    /// How many have a status of 400 or more.
    pub errors: u64,
    /// How many have a response time.
    pub timed: u64,
    /// The sum of the response times in microseconds.
    pub micros: u64,
    /// The latest event time.
    pub last_seen: Option<Timestamp>,
    /// The distribution of the response times.
    pub sketch: Sketch,
}

impl Tally {
    /// Counts one activity.
    pub fn add(&mut self, activity: &Activity) {
        self.requests += 1;
        self.errors += u64::from(activity.status.is_error());
        self.last_seen = self.last_seen.max(Some(activity.at));
        if let Some(took) = activity.response_time {
            self.timed += 1;
            self.micros += took.as_micros();
            self.sketch.add(took.as_micros());
        }
    }

    /// Counts everything that another tally counted.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.timed += other.timed;
        self.micros += other.micros;
        self.last_seen = self.last_seen.max(other.last_seen);
        self.sketch.merge(&other.sketch);
    }

    /// The mean response time in microseconds, `None` where none was recorded.
    pub fn mean_micros(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.micros as f64 / self.timed as f64)
    }
}

/// A store's own short number for a client; it means nothing outside that store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNo(pub u64);

/// What a batch of fresh rows adds to the rollups, by minute and client. It is stored as bytes in the
/// transaction that stores the rows, and folded into blocks later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// The increments, in order of their keys.
    pub entries: BTreeMap<(Minute, ClientNo), Tally>,
}

/// First byte of the stored form.
const VERSION: u8 = 1;

impl Delta {
    /// Counts one fresh row.
    pub fn add(&mut self, client: ClientNo, activity: &Activity) {
        self.entries.entry((activity.at.minute(), client)).or_default().add(activity);
    }

    /// The first and the last minute that it touches, `None` when empty.
    pub fn bounds(&self) -> Option<(Minute, Minute)> {
        Some((self.entries.first_key_value()?.0.0, self.entries.last_key_value()?.0.0))
    }

    /// The stored form: a version byte, the number of entries, then each as varints.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + 20 * self.entries.len());
        bytes.push(VERSION);
        put(&mut bytes, self.entries.len() as u64);
        let mut previous = 0;
        for ((minute, client), tally) in &self.entries {
            put(&mut bytes, minute.0.abs_diff(previous));
            previous = minute.0;
            put(&mut bytes, client.0);
            for count in [tally.requests, tally.errors, tally.timed, tally.micros] {
                put(&mut bytes, count);
            }
            put(&mut bytes, tally.last_seen.map_or(0, |at| at.as_micros().unsigned_abs() + 1));
            tally.sketch.encode_bins(&mut bytes);
        }
        bytes
    }

    /// Reads the stored form.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.split_off_first() != Some(&VERSION) {
            return Err(Invalid::new("is not a delta of version 1"));
        }
        let mut delta = Self::default();
        let mut minute = 0i64;
        for _ in 0..take(&mut bytes)? {
            minute = minute
                .checked_add_unsigned(take(&mut bytes)?)
                .ok_or_else(|| Invalid::new("has a minute out of range"))?;
            let client = ClientNo(take(&mut bytes)?);
            let tally = decode_tally(&mut bytes)?;
            delta.entries.insert((Minute(minute), client), tally);
        }
        if bytes.is_empty() { Ok(delta) } else { Err(Invalid::new("has bytes past its end")) }
    }
}

fn decode_tally(bytes: &mut &[u8]) -> Result<Tally, Invalid> {
    Ok(Tally {
        requests: take(bytes)?,
        errors: take(bytes)?,
        timed: take(bytes)?,
        micros: take(bytes)?,
        last_seen: match take(bytes)? {
            0 => None,
            n => Some(Timestamp::from_micros(i64::try_from(n - 1).unwrap_or(i64::MAX))?),
        },
        sketch: Sketch::decode_bins(bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn tally()(
            requests in 1u64..100, errors in 0u64..10, micros in prop::collection::vec(0u64..1_000_000, 0..5),
            last in prop::option::of(0i64..4_000_000_000_000_000),
        ) -> Tally {
            let mut sketch = Sketch::default();
            for took in &micros {
                sketch.add(*took);
            }
            Tally {
                requests, errors, timed: micros.len() as u64, micros: micros.iter().sum(), sketch,
                last_seen: last.map(|m| Timestamp::from_micros(m).unwrap()),
            }
        }
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(
            entries in prop::collection::btree_map((0i64..50_000_000, any::<u64>()), tally(), 0..40)
        ) {
            let entries = entries.into_iter().map(|((m, c), t)| ((Minute(m), ClientNo(c)), t)).collect();
            let delta = Delta { entries };
            prop_assert_eq!(Delta::decode(&delta.encode()), Ok(delta));
        }

        #[test]
        fn merging_is_commutative_and_associative(a in tally(), b in tally(), c in tally()) {
            let sum = |parts: &[&Tally]| {
                let mut sum = Tally::default();
                for part in parts {
                    sum.merge(part);
                }
                sum
            };
            let bc = sum(&[&b, &c]);
            prop_assert_eq!(sum(&[&a, &b, &c]), sum(&[&c, &b, &a]));
            prop_assert_eq!(sum(&[&a, &b, &c]), sum(&[&a, &bc]));
        }

        #[test]
        fn junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Delta::decode(&bytes);
        }
    }
}
