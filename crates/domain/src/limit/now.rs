//! Time that never runs back.

use crate::time::Timestamp;

/// The latest instant that a clock has shown. Where several clocks, or one that was put back, tell the
/// time, counting goes by the latest: a window that ran twice would admit twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Steady(Option<Timestamp>);

impl Steady {
    /// Takes in what the clock shows.
    pub fn see(&mut self, shown: Timestamp) -> Now {
        let counted = self.0.map_or(shown, |latest| latest.max(shown));
        self.0 = Some(counted);
        Now { shown, counted }
    }
}

/// The present, as [`Steady`] sees it.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    shown: Timestamp,
    counted: Timestamp,
}

impl Now {
    /// The instant to count at; never before an earlier one.
    pub fn counted(self) -> Timestamp {
        self.counted
    }

    /// Whole seconds that the clock needs to reach an instant (in microseconds since the epoch), rounded
    /// up. It is what the clock shows that counts here: after it was put back, waiting takes that much
    /// longer.
    pub(super) fn seconds_until(self, micros: u64) -> u64 {
        micros.saturating_sub(self.shown.as_micros().unsigned_abs()).div_ceil(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_until_the_clock_has_caught_up() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let mut steady = Steady::default();
        let counted = [10, 5, 9, 10, 11].map(|shown| steady.see(at(shown)).counted());
        assert_eq!(counted, [10, 10, 10, 10, 11].map(at));
    }

    #[test]
    fn waits_are_for_the_clock_and_rounded_up() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let mut steady = Steady::default();
        steady.see(at(100));
        let back = steady.see(at(40));
        assert_eq!(back.seconds_until(100_000_000), 60);
        assert_eq!(back.seconds_until(100_000_001), 61);
        assert_eq!(back.seconds_until(39_999_999), 0);
    }
}
