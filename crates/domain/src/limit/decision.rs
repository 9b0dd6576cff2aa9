//! What a limiter answers.

use super::{Cost, Quota};
use crate::time::Timestamp;

/// What becomes of a call, and where its quotas stand afterwards.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may go on.
    pub verdict: Verdict,
    /// One for each quota of the call, in the same order.
    pub states: Vec<QuotaState>,
}

/// Whether a call may go on. Only an admitted one has cost anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may; this is what it took, from every quota.
    Admitted(Taken),
    /// Not now: it was too much for at least one quota, and has taken nothing from any.
    Refused {
        /// The index of the quota that has to be waited for longest.
        by: usize,
        /// The same call is admitted after so many seconds, at least 1, if nothing else is taken
        /// meanwhile. At most a sixtieth of the window, and what rounding up makes of it, too long.
        retry_after_seconds: u64,
    },
    /// Never: its cost is above the whole limit of a quota. It has taken nothing.
    Impossible {
        /// The index of the first such quota.
        by: usize,
    },
}

/// Where a quota stands for a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// The quota.
    pub quota: Quota,
    /// How much may be taken at once; 0 too where a limit was lowered below what had been taken.
    pub remaining: u32,
    /// Seconds until all that counts now has left the window, rounded up; 0 if nothing counts.
    pub reset_seconds: u64,
}

/// What an admitted call took. It cannot be copied: what was taken once is given back at most once.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    at: Timestamp,
    cost: Cost,
}

impl Taken {
    /// For limiters: so much was counted at this instant.
    pub fn new(at: Timestamp, cost: Cost) -> Self {
        Self { at, cost }
    }

    /// The instant that it was counted at.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// How much it was.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}
