//! A clock that stands still until a test moves it.

use std::sync::{Mutex, PoisonError};

use activity_domain::port::Clock;
use activity_domain::time::Timestamp;

/// Shows the time that it was last set to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows this time.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, now: Timestamp) {
        self.change(|_| now);
    }

    /// Moves the clock by some seconds, back if negative, within the range of [`Timestamp`].
    pub fn advance(&self, seconds: i64) {
        self.change(|now| now.plus_seconds(seconds));
    }

    fn change(&self, to: impl FnOnce(Timestamp) -> Timestamp) -> Timestamp {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = to(*now);
        *now
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.change(|now| now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_when_told() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let clock = ManualClock::new(at(100));
        clock.advance(60);
        assert_eq!(clock.now(), at(160));
        clock.advance(-200);
        assert_eq!(clock.now(), at(0));
        clock.set(at(7));
        assert_eq!(clock.now(), at(7));
    }
}
