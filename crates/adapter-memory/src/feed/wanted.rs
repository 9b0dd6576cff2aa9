//! Whether anybody is there to be told, or was a short while ago.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Events are wanted while there are readers, and for so long after the last has gone that it may come back and find
/// them: it is so at the start, too. What asks for that is a load and, at times, a look at the clock.
pub struct Wanted {
    since: Instant,
    horizon: Duration,
    /// In milliseconds since the start.
    until: AtomicU64,
}

const ALWAYS: u64 = u64::MAX;
const NO_MORE: u64 = 0;

impl Wanted {
    pub fn new(horizon: Duration) -> Self {
        let wanted = Self { since: Instant::now(), horizon, until: AtomicU64::new(NO_MORE) };
        wanted.for_a_while();
        wanted
    }

    pub fn is_wanted(&self) -> bool {
        match self.until.load(Ordering::Acquire) {
            ALWAYS => true,
            NO_MORE => false,
            until if self.now() < until => true,
            until => {
                let (ordering, failed) = (Ordering::AcqRel, Ordering::Acquire);
                // Where somebody came at this moment, it stays.
                let changed = self.until.compare_exchange(until, NO_MORE, ordering, failed);
                changed.is_err_and(|until| until != NO_MORE)
            }
        }
    }

    /// Somebody is there.
    pub fn always(&self) {
        self.until.store(ALWAYS, Ordering::Release);
    }

    /// Nobody is there any more.
    pub fn for_a_while(&self) {
        let horizon = u64::try_from(self.horizon.as_millis()).unwrap_or(ALWAYS - 1);
        self.until.store(self.now().saturating_add(horizon).clamp(1, ALWAYS - 1), Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(ALWAYS)
    }
}
