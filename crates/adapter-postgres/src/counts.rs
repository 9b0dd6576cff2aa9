//! What a store has met since its start, in numbers that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often the primary was lost: see `breaker`.
    pub openings: u64,
    /// Questions that were refused at once, because the primary was lost.
    pub refused: u64,
    /// How often another server, or a restored one, was found to take writes.
    pub failovers: u64,
    /// Questions that the primary was asked.
    pub primary_reads: u64,
    /// Questions that replicas have answered.
    pub replica_reads: u64,
    /// How often a replica failed at a question, which then went elsewhere.
    pub moved_reads: u64,
}

/// The same, as it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub openings: Counter,
    pub refused: Counter,
    pub failovers: Counter,
    pub primary_reads: Counter,
    pub replica_reads: Counter,
    pub moved_reads: Counter,
}

impl Counters {
    pub fn now(&self) -> Counts {
        Counts {
            openings: self.openings.get(),
            refused: self.refused.get(),
            failovers: self.failovers.get(),
            primary_reads: self.primary_reads.get(),
            replica_reads: self.replica_reads.get(),
            moved_reads: self.moved_reads.get(),
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
