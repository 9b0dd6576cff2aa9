//! What became of what was drained.

use std::sync::atomic::{AtomicU64, Ordering};

use activity_domain::counting::Histogram;
use activity_domain::port::Appended;

/// What became of the drained events since the start, and how often the store failed.
///
/// Each event is counted once, as what it was when it was first drained. What a store that went back gets
/// again is counted apart.
#[derive(Debug)]
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
    /// Events of each batch that was stored.
    pub batch_events: Histogram,
    /// How long the store took for it, in microseconds.
    pub batch_micros: Histogram,
    /// How long before that its oldest event was accepted by this process, in microseconds.
    pub lag_micros: Histogram,
}

/// One, a request's worth, a full batch, and what there is after an outage.
const SIZES: &[u64] = &[1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/// From a commit on a quick disk to one that times out.
const MICROS: &[u64] = &[
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];
/// From a batch that is waited for to an outage of an hour.
const LAGS: &[u64] = &[
    10_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
];

impl Default for Totals {
    fn default() -> Self {
        Self {
            stored: AtomicU64::default(),
            duplicate: AtomicU64::default(),
            discarded: AtomicU64::default(),
            set_aside: AtomicU64::default(),
            earlier: AtomicU64::default(),
            retries: AtomicU64::default(),
            damaged: AtomicU64::default(),
            went_back: AtomicU64::default(),
            replayed: AtomicU64::default(),
            missing: AtomicU64::default(),
            batch_events: Histogram::new(SIZES),
            batch_micros: Histogram::new(MICROS),
            lag_micros: Histogram::new(LAGS),
        }
    }
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
