//! What a limiter answers.

use super::Quota;
use crate::time::Timestamp;

/// What becomes of a call, and where its quotas stand afterwards.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may go on.
    pub verdict: Verdict,
    /// The indices of shadow quotas that would have refused a call that was admitted. It has taken
    /// nothing from them, as if they had.
    pub would_refuse: Vec<usize>,
    /// One for each charge of the call, in the same order.
    pub states: Vec<QuotaState>,
}

/// Whether a call may go on. Only an admitted one has cost anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may; this is what it took.
    Admitted(Taken),
    /// Not now: it was too much for at least one quota, and has taken nothing from any.
    Refused {
        /// The index of the charge whose quota has to be waited for longest.
        by: usize,
        /// The same call is admitted after so many seconds, at least 1, if nothing else is taken
        /// meanwhile. At most a sixtieth of the window, and what rounding up makes of it, too long.
        retry_after_seconds: u64,
    },
    /// Never: a cost is above the whole limit of its quota. It has taken nothing.
    Impossible {
        /// The index of the first such charge.
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
    /// Bit `n` is set if charge `n` was counted.
    counted: u8,
    pub(super) is_shared: bool,
    is_alone: bool,
}

impl Taken {
    /// For limiters: something is taken at this instant.
    pub fn new(at: Timestamp) -> Self {
        Self { at, counted: 0, is_shared: false, is_alone: false }
    }

    /// Notes that the charge of this index, below [`Charges::MAX`](super::Charges::MAX), was counted.
    pub fn note(&mut self, charge: usize) {
        self.counted |= 1 << (charge % 8);
    }

    /// The same, where an instance decided alone what others should have had a say in: only there can it be given back.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Whether an instance decided alone.
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// The instant that it was counted at.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether the charge of this index was counted: it cost something, and was not what a shadow quota
    /// would have refused.
    pub fn has(&self, charge: usize) -> bool {
        self.counted & (1 << (charge % 8)) != 0
    }
}
