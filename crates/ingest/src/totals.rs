//! What became of what was drained.

use std::sync::atomic::{AtomicU64, Ordering};

use activity_domain::port::Appended;

/// What became of the drained events since the start, and how often the store failed.
///
/// Each event is counted once, as what it was when it was first drained. What a store that went back gets
/// again is counted apart.
#[derive(Debug, Default)]
pub struct Totals {
    stored: AtomicU64,
    duplicate: AtomicU64,
    discarded: AtomicU64,
    set_aside: AtomicU64,
    earlier: AtomicU64,
    retries: AtomicU64,
    damaged: AtomicU64,
    went_back: AtomicU64,
    replayed: AtomicU64,
    missing: AtomicU64,
}

impl Totals {
    /// How the drained events split up.
    pub fn appended(&self) -> Appended {
        Appended {
            stored: self.stored.load(Ordering::Relaxed),
            duplicate: self.duplicate.load(Ordering::Relaxed),
            discarded: self.discarded.load(Ordering::Relaxed),
            set_aside: self.set_aside.load(Ordering::Relaxed),
        }
    }

    /// How many of them were accepted by an earlier process.
    pub fn earlier(&self) -> u64 {
        self.earlier.load(Ordering::Relaxed)
    }

    /// Attempts that failed and were repeated.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Damaged places in the spool that were skipped and kept in quarantine.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// How often the store stood further back than before.
    pub fn went_back(&self) -> u64 {
        self.went_back.load(Ordering::Relaxed)
    }

    /// Events that were stored once, were gone, and are stored again. They are in [`Self::appended`] as what
    /// they were the first time, if this process drained them then.
    pub fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    /// Events that the store lost and that cannot be brought to it again: they are not in the spool any more,
    /// or damaged there. What is missing again after another time counts again.
    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, appended: Appended, is_earlier: bool) {
        let Appended { stored, duplicate, discarded, set_aside } = appended;
        if is_earlier {
            self.earlier.fetch_add(stored + duplicate + discarded + set_aside, Ordering::Relaxed);
        }
        self.stored.fetch_add(stored, Ordering::Relaxed);
        self.duplicate.fetch_add(duplicate, Ordering::Relaxed);
        self.discarded.fetch_add(discarded, Ordering::Relaxed);
        self.set_aside.fetch_add(set_aside, Ordering::Relaxed);
    }

    /// What is stored again of what has been counted already.
    pub(crate) fn add_again(&self, appended: Appended) {
        self.replayed.fetch_add(appended.stored, Ordering::Relaxed);
    }

    pub(crate) fn add_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_going_back(&self) {
        self.went_back.fetch_add(1, Ordering::Relaxed);
    }

    /// What the reader has come across since the start.
    pub(crate) fn found(&self, damaged: u64, missing: u64) {
        self.damaged.store(damaged, Ordering::Relaxed);
        self.missing.store(missing, Ordering::Relaxed);
    }
}
