//! What an answer states about a set of activities.

use super::Tally;
use crate::error::Invalid;
use crate::sketch::{Quantiles, put, take};
use crate::time::Timestamp;

/// A [`Tally`] as an answer states it: with percentiles in place of the distribution that they come from. It
/// is small and of one size however much was counted, but does not merge: the percentiles of a sum cannot be
/// told from those of its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
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
    /// Percentiles of the response times; `None` where none was recorded, and where the question has none.
    pub quantiles: Option<Quantiles>,
}

impl Summary {
    /// The mean response time in microseconds, `None` where none was recorded.
    pub fn mean_micros(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.micros as f64 / self.timed as f64)
    }

    /// The sum without its percentiles.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            timed: self.timed + other.timed,
            micros: self.micros + other.micros,
            last_seen: self.last_seen.max(other.last_seen),
            quantiles: None,
        }
    }

    /// Appends the stored form: the numbers as varints, then the latest event time and the percentiles, each
    /// in eight bytes, little end first, as a number that is one more, or 0 for none.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        for number in [self.requests, self.errors, self.timed, self.micros] {
            put(bytes, number);
        }
        let last_seen = self.last_seen.map_or(0, |at| at.as_micros().unsigned_abs() + 1);
        let quantiles = self.quantiles.map_or(0, |quantiles| quantiles.code() + 1);
        bytes.extend(last_seen.to_le_bytes());
        bytes.extend(quantiles.to_le_bytes());
    }

    /// Takes the stored form from the front.
    pub fn decode(bytes: &mut &[u8]) -> Result<Self, Invalid> {
        Ok(Self {
            requests: take(bytes)?,
            errors: take(bytes)?,
            timed: take(bytes)?,
            micros: take(bytes)?,
            last_seen: match take_fixed(bytes)? {
                0 => None,
                n => Some(Timestamp::from_micros(i64::try_from(n - 1).unwrap_or(i64::MAX))?),
            },
            quantiles: match take_fixed(bytes)? {
                0 => None,
                n => Some(Quantiles::from_code(n - 1)?),
            },
        })
    }
}

fn take_fixed(bytes: &mut &[u8]) -> Result<u64, Invalid> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(|| Invalid::new("is cut short"))?;
    *bytes = rest;
    Ok(u64::from_le_bytes(*number))
}

impl From<&Tally> for Summary {
    fn from(tally: &Tally) -> Self {
        Self {
            requests: tally.requests,
            errors: tally.errors,
            timed: tally.timed,
            micros: tally.micros,
            last_seen: tally.last_seen,
            quantiles: tally.sketch.quantiles(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::profile;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_stored_form_round_trips(profile in profile(), behind in prop::collection::vec(any::<u8>(), 0..4)) {
            let summary = Summary::from(&profile.total());
            let mut bytes = Vec::new();
            summary.encode(&mut bytes);
            bytes.extend(&behind);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(Summary::decode(&mut rest), Ok(summary));
            prop_assert_eq!(rest, behind);
        }

        #[test]
        fn junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Summary::decode(&mut bytes.as_slice());
        }
    }
}
