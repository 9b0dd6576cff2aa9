//! What time a lease is measured by.

use std::sync::Arc;
use std::time::Instant;

use activity_domain::port::Clock;

use crate::limiter::Time;

/// Only spans are told by it, so that it does not matter where it begins.
pub(super) enum LeaseClock {
    /// That of the process, which nobody puts forward or back.
    Process(Instant),
    /// That of the limiter, in tests.
    Given(Arc<dyn Clock>),
}

impl From<&Time> for LeaseClock {
    fn from(time: &Time) -> Self {
        match time {
            Time::Redis => Self::Process(Instant::now()),
            Time::Given(clock) => Self::Given(clock.clone()),
        }
    }
}

impl LeaseClock {
    /// In microseconds.
    pub fn now(&self) -> i64 {
        match self {
            Self::Process(begun) => i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX),
            Self::Given(clock) => clock.now().as_micros(),
        }
    }
}
