//! Whether the clock is to be trusted with what cannot be taken back.

use std::time::{Duration, Instant};

use activity_domain::time::Timestamp;

/// A clock that was set wrong at boot, or when a machine was resumed, is put right within that time.
const SETTLED_AFTER: Duration = Duration::from_hours(1);
/// More than a clock is slewed by in that time.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Watches the wall clock beside the monotonic one: where they part, the wall clock was set.
#[derive(Default)]
pub struct Settling {
    anchor: Option<(Timestamp, Instant)>,
}

impl Settling {
    /// Whether the clock has not been set for an hour.
    pub fn is_settled(&mut self, now: Timestamp, instant: Instant) -> bool {
        let (at, since) = *self.anchor.get_or_insert((now, instant));
        let went = now.as_micros() - at.as_micros();
        let passed = instant.saturating_duration_since(since);
        let passed_micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        if u128::from(went.abs_diff(passed_micros)) > TOLERANCE.as_micros() {
            self.anchor = Some((now, instant));
            return false;
        }
        passed >= SETTLED_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEARS: i64 = 70 * 365 * 86_400;

    #[test]
    fn a_clock_is_settled_an_hour_after_it_was_set() {
        let (start, boot) = (Timestamp::from_seconds(1_800_000_000).unwrap(), Instant::now());
        let mut settling = Settling::default();
        let mut at = |set: i64, second: u32| {
            let now = start.plus_seconds(set + i64::from(second));
            settling.is_settled(now, boot + Duration::from_secs(second.into()))
        };
        assert!(!at(YEARS, 0) && !at(YEARS, 3_599), "it may still be put right");
        assert!(!at(0, 3_600), "now it was");
        assert!(!at(0, 7_199));
        assert!(at(0, 7_200) && at(0, 7_201));
        assert!(at(30, 9_000), "slewed, not set");
        assert!(!at(YEARS, 9_001) && !at(0, 9_002) && !at(0, 12_601));
        assert!(at(0, 12_602));
    }
}
