//! What a block keeps: counts and latencies by status class and method.

use std::collections::BTreeMap;

use super::{Summary, Tally};
use crate::activity::Activity;
use crate::error::Invalid;
use crate::hygiene::{StatusClass, Verb};
use crate::sketch::{Sketch, put, take};
use crate::time::Timestamp;

/// The part of a profile that an activity belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The class of its status.
    pub class: StatusClass,
    /// Its method.
    pub verb: Verb,
}

impl Cell {
    /// The cell of an activity.
    pub fn of(activity: &Activity) -> Self {
        Self { class: StatusClass::of(activity.status), verb: Verb::of(&activity.method) }
    }

    fn code(self) -> u64 {
        u64::from(self.class.digit()) << 8 | u64::from(self.verb.code())
    }

    fn from_code(code: u64) -> Option<Self> {
        let part = |bits: u64| u8::try_from(bits).ok();
        Some(Self {
            class: StatusClass::from_digit(part(code >> 8)?)?,
            verb: Verb::from_code(part(code & 0xff)?)?,
        })
    }
}

/// Counts of one cell. Errors need no count of their own: a class is one of errors or it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counts {
    requests: u64,
    timed: u64,
    micros: u64,
    sketch: Sketch,
}

/// Counts and latencies by status class and method, of which a block has a handful. Everything else that is
/// asked of a block is a sum over cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    cells: BTreeMap<Cell, Counts>,
    /// The latest event time.
    pub last_seen: Option<Timestamp>,
}

/// First byte of the stored form.
const VERSION: u8 = 1;

impl Profile {
    /// Counts one activity.
    pub fn add(&mut self, activity: &Activity) {
        let counts = self.cells.entry(Cell::of(activity)).or_default();
        counts.requests += 1;
        if let Some(took) = activity.response_time {
            counts.timed += 1;
            counts.micros += took.as_micros();
            counts.sketch.add(took.as_micros());
        }
        self.last_seen = self.last_seen.max(Some(activity.at));
    }

    /// Counts everything that another profile counted.
    pub fn merge(&mut self, other: &Self) {
        for (cell, more) in &other.cells {
            let counts = self.cells.entry(*cell).or_default();
            counts.requests += more.requests;
            counts.timed += more.timed;
            counts.micros += more.micros;
            counts.sketch.merge(&more.sketch);
        }
        self.last_seen = self.last_seen.max(other.last_seen);
    }

    /// The sum over all cells.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.add_to(&mut total);
        total
    }

    /// Adds the sum over all cells to a tally.
    pub fn add_to(&self, total: &mut Tally) {
        for (cell, counts) in &self.cells {
            counts.add_to(*cell, total);
        }
        total.last_seen = total.last_seen.max(self.last_seen);
    }

    /// Adds each cell to the tally with its key. The latest event time is kept for the whole only.
    pub fn add_by<K: Ord>(&self, key: impl Fn(Cell) -> K, tallies: &mut BTreeMap<K, Tally>) {
        for (cell, counts) in &self.cells {
            counts.add_to(*cell, tallies.entry(key(*cell)).or_default());
        }
    }

    /// The sum over all cells without percentiles, which are the most work.
    pub fn numbers(&self) -> Summary {
        let mut total = Summary { last_seen: self.last_seen, ..Summary::default() };
        for (cell, counts) in &self.cells {
            total.requests += counts.requests;
            total.errors += counts.errors(*cell);
            total.timed += counts.timed;
            total.micros += counts.micros;
        }
        total
    }

    /// The stored form of the cells: a version byte, their number, then each as varints. The latest event
    /// time is not part of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + 16 * self.cells.len());
        bytes.push(VERSION);
        self.encode_cells(&mut bytes);
        bytes
    }

    /// Reads the stored form.
    pub fn decode(mut bytes: &[u8], last_seen: Option<Timestamp>) -> Result<Self, Invalid> {
        if bytes.split_off_first() != Some(&VERSION) {
            return Err(Invalid::new("is not a profile of version 1"));
        }
        let profile = Self::decode_cells(&mut bytes, last_seen)?;
        if bytes.is_empty() { Ok(profile) } else { Err(Invalid::new("has bytes past its end")) }
    }

    pub(super) fn encode_cells(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.cells.len() as u64);
        for (cell, counts) in &self.cells {
            for number in [cell.code(), counts.requests, counts.timed, counts.micros] {
                put(bytes, number);
            }
            counts.sketch.encode_bins(bytes);
        }
    }

    pub(super) fn decode_cells(bytes: &mut &[u8], last_seen: Option<Timestamp>) -> Result<Self, Invalid> {
        let mut profile = Self { last_seen, ..Self::default() };
        for _ in 0..take(bytes)? {
            let cell = Cell::from_code(take(bytes)?).ok_or_else(|| Invalid::new("has an unknown cell"))?;
            let counts = Counts {
                requests: take(bytes)?,
                timed: take(bytes)?,
                micros: take(bytes)?,
                sketch: Sketch::decode_bins(bytes)?,
            };
            profile.cells.insert(cell, counts);
        }
        Ok(profile)
    }
}

impl Counts {
    fn add_to(&self, cell: Cell, total: &mut Tally) {
        total.requests += self.requests;
        total.errors += self.errors(cell);
        total.timed += self.timed;
        total.micros += self.micros;
        total.sketch.merge(&self.sketch);
    }

    fn errors(&self, cell: Cell) -> u64 {
        if cell.class.is_error() { self.requests } else { 0 }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = Counts> {
        (1u64..100, prop::collection::vec(0u64..1_000_000, 0..5)).prop_map(|(requests, took)| {
            let mut sketch = Sketch::default();
            for micros in &took {
                sketch.add(*micros);
            }
            Counts { requests, timed: took.len() as u64, micros: took.iter().sum(), sketch }
        })
    }

    prop_compose! {
        pub(in crate::rollup) fn profile()(
            cells in prop::collection::btree_map((1u8..=5, 0..Verb::COUNT), counts(), 0..6),
            last in prop::option::of(0i64..4_000_000_000_000_000),
        ) -> Profile {
            let cell = |(class, verb)| Cell {
                class: StatusClass::from_digit(class).unwrap(),
                verb: Verb::from_code(verb).unwrap(),
            };
            Profile {
                cells: cells.into_iter().map(|(key, counts)| (cell(key), counts)).collect(),
                last_seen: last.map(|micros| Timestamp::from_micros(micros).unwrap()),
            }
        }
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(profile in profile()) {
            prop_assert_eq!(Profile::decode(&profile.encode(), profile.last_seen), Ok(profile));
        }

        #[test]
        fn merging_is_commutative_and_associative(a in profile(), b in profile(), c in profile()) {
            let sum = |parts: &[&Profile]| {
                let mut sum = Profile::default();
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
        fn the_total_is_the_sum_of_the_cells(profile in profile()) {
            let mut tallies: BTreeMap<Cell, Tally> = BTreeMap::new();
            profile.add_by(|cell| cell, &mut tallies);
            let mut sum = Tally { last_seen: profile.last_seen, ..Tally::default() };
            for tally in tallies.values() {
                sum.merge(tally);
            }
            prop_assert_eq!(profile.total(), sum.clone());
            prop_assert_eq!(profile.numbers(), Summary { quantiles: None, ..Summary::from(&sum) });
        }

        #[test]
        fn what_is_taken_away_leaves_the_rest(whole in profile(), part in profile()) {
            let (mut sum, rest) = (whole.clone(), whole.total());
            sum.merge(&part);
            let mut left = sum.total();
            left.subtract(&part.total());
            prop_assert_eq!(Tally { last_seen: None, ..left }, Tally { last_seen: None, ..rest });
        }

        #[test]
        fn junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Profile::decode(&bytes, None);
        }
    }
}
