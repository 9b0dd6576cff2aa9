//! The operating system's clock and randomness, as the domain's ports.

use std::time::{SystemTime, UNIX_EPOCH};

use activity_domain::port::{Clock, Randomness};
use activity_domain::span::Minute;
use activity_domain::time::Timestamp;

/// The wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 counts as 1970.
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let timestamp = i64::try_from(micros).ok().and_then(|micros| Timestamp::from_micros(micros).ok());
        // One past the year 9999 stays there.
        timestamp.unwrap_or_else(|| Timestamp::from(Minute(i64::MAX)))
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandomness;

impl Randomness for OsRandomness {
    /// Ends the process where the system has no randomness to give: a key that can be guessed would be
    /// worse, and no caller could do anything about it.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            tracing::error!(%error, "the system gives no random bytes");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_in_this_century() {
        let now = SystemClock.now();
        assert!(now > Timestamp::parse("2024-01-01T00:00:00Z").unwrap());
        assert!(now < Timestamp::parse("2100-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn randomness_does_not_repeat() {
        let [mut a, mut b] = [[0; 32]; 2];
        OsRandomness.fill(&mut a);
        OsRandomness.fill(&mut b);
        assert!(a != b && a != [0; 32]);
    }
}
