//! All numbers of a spool and its drainer, so that they agree with each other.

use std::time::{Duration, SystemTime};

use activity_domain::counting::Counter;
use activity_domain::error::RecordError;
use activity_domain::port::Appended;

use crate::spool::Spool;
use crate::totals::Totals;

/// What became of all events, at one moment: accepted + recovered = drained (all four) + pending. Only a damaged
/// spool breaks that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Events that this process made durable.
    pub accepted: u64,
    /// Events that earlier processes left to it: drained by it, or waiting. It may get smaller where the store turns out
    /// to have some of them.
    pub recovered: u64,
    /// What became of those that were drained.
    pub drained: Appended,
    /// Events that wait.
    pub pending: u64,
}

/// Requests whose events could not be made durable.
#[derive(Debug, Default)]
pub struct Refusals {
    /// The spool was full, or too much was waiting to be written.
    pub full: Counter,
    /// The disk did not take them.
    pub failing: Counter,
    /// The spool was closed.
    pub closed: Counter,
}

impl Refusals {
    pub(crate) fn note(&self, error: &RecordError) {
        match error {
            RecordError::Full => self.full.add(),
            RecordError::Failing(_) => self.failing.add(),
            RecordError::Closed => self.closed.add(),
        }
    }
}

impl Spool {
    /// What became of all events.
    pub fn account(&self, totals: &Totals) -> Account {
        let shared = self.shared();
        let log = shared.log.lock();
        let waiting = log.waiting_earlier();
        Account {
            accepted: log.accepted(),
            recovered: totals.earlier() + waiting,
            drained: totals.appended(),
            pending: log.waiting() + waiting,
        }
    }

    /// How long the oldest event has waited, within a tenth of a second; of an earlier process at least so long. Zero
    /// if none waits.
    pub fn oldest_waiting(&self) -> Duration {
        let shared = self.shared();
        let log = shared.log.lock();
        let earlier = log.oldest_earlier().map(|segment| segment.path.clone());
        let own = log.since().map(|since| since.elapsed());
        drop(log);
        // When something was last written to it. It may just have been drained.
        let written = earlier.and_then(|path| path.metadata().ok()?.modified().ok());
        let earlier = written.and_then(|written| SystemTime::now().duration_since(written).ok());
        own.into_iter().chain(earlier).max().unwrap_or_default()
    }

    /// Requests that it has refused.
    pub fn refused(&self) -> &Refusals {
        self.refusals()
    }
}
