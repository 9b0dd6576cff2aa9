//! What was decided about limits since the start.

use crate::counting::Counter;
use crate::limit::{Decision, Verdict};

/// What quotas are spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// Recording events, and calls that a gateway asks about.
    Events,
    /// Requests that read.
    Reads,
    /// Open registrations.
    Registrations,
    /// Failed authentications.
    Authentications,
}

impl Spending {
    /// All of them, in the order of [`LimitCounts`].
    pub const ALL: [Self; 4] = [Self::Events, Self::Reads, Self::Registrations, Self::Authentications];
}

/// What was decided, by what it was about; in the order of [`Spending::ALL`].
pub type LimitCounts = [SpendingCounts; 4];

/// What was decided about one kind of spending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpendingCounts {
    /// Calls that were admitted.
    pub allowed: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that cost more than a whole limit.
    pub impossible: u64,
    /// Calls that the limiter could say nothing about, which were let pass.
    pub unknown: u64,
    /// Shadow quotas that would have refused a call.
    pub shadow_refusals: u64,
}

/// The same, as it is counted.
#[derive(Debug, Default)]
pub(super) struct Counters([Decisions; 4]);

#[derive(Debug, Default)]
struct Decisions {
    allowed: Counter,
    refused: Counter,
    impossible: Counter,
    unknown: Counter,
    shadow_refusals: Counter,
}

impl Counters {
    /// Counts a decision; `None`: the limiter could not decide.
    pub fn note(&self, on: Spending, decision: Option<&Decision>) {
        let counters = &self.0[on as usize];
        let Some(Decision { verdict, would_refuse, .. }) = decision else { return counters.unknown.add() };
        match verdict {
            Verdict::Admitted(_) => counters.allowed.add(),
            Verdict::Refused { .. } => counters.refused.add(),
            Verdict::Impossible { .. } => counters.impossible.add(),
        }
        if !would_refuse.is_empty() {
            counters.shadow_refusals.add_many(would_refuse.len() as u64);
        }
    }

    pub fn now(&self) -> LimitCounts {
        self.0.each_ref().map(|counters| SpendingCounts {
            allowed: counters.allowed.get(),
            refused: counters.refused.get(),
            impossible: counters.impossible.get(),
            unknown: counters.unknown.get(),
            shadow_refusals: counters.shadow_refusals.get(),
        })
    }
}
