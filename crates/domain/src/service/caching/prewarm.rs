//! Answers computed before they are asked for.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::usage::CachedUsage;
use crate::cache::{CacheKey, Heat, Question};
use crate::time::{Timestamp, Zone};

/// The closed days that a dashboard asks for first.
const DASHBOARD_DAYS: i64 = 7;
/// How many hot keys of each kind are looked at.
const CANDIDATES: usize = 50;
/// A run ends after so long, or with the computation that it is at then.
const MAX_SECONDS: i64 = 10;
/// Values that would not be fresh after this time are computed anew.
const AHEAD: Duration = Duration::from_mins(15);
/// What was not asked for in so long is left to whoever asks for it: a day, in seconds.
const IDLE: i64 = 86_400;

/// Warms the cache: the days that a dashboard asks for first, then the keys whose absence cost the most,
/// then those that are asked for most often and about to expire. One run at a time, each bounded.
pub struct Prewarm {
    usage: Arc<CachedUsage>,
    is_running: AtomicBool,
    last: Mutex<Option<PrewarmRun>>,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrewarmRun {
    /// When it began.
    pub at: Timestamp,
    /// Answers that were computed and are kept.
    pub warmed: u64,
    /// Those that were there, or that somebody else was at, or that there was no time for.
    pub skipped: u64,
    /// Those that the store did not give.
    pub failed: u64,
    /// How long it took.
    pub took: Duration,
}

impl Prewarm {
    /// Warms this cache.
    pub fn new(usage: Arc<CachedUsage>) -> Self {
        Self { usage, is_running: AtomicBool::new(false), last: Mutex::new(None) }
    }

    /// Whether a run would do something: whether the cache may be trusted.
    pub fn is_ready(&self) -> bool {
        self.usage.sealed().is_some()
    }

    /// One run, unless one is under way: `None`. It ends with its caller.
    pub async fn run(&self) -> Option<PrewarmRun> {
        let _turn = Turn::take(&self.is_running)?;
        let at = self.usage.clock.now();
        let mut run = PrewarmRun { at, warmed: 0, skipped: 0, failed: 0, took: Duration::ZERO };
        for key in self.keys(at).await {
            if self.usage.clock.now() >= at.plus_seconds(MAX_SECONDS) {
                run.skipped += 1;
                continue;
            }
            match self.usage.warm(&key, AHEAD).await {
                Ok(true) => run.warmed += 1,
                Ok(false) => run.skipped += 1,
                Err(_) => run.failed += 1,
            }
        }
        let took = self.usage.clock.now().as_micros() - at.as_micros();
        run.took = Duration::from_micros(u64::try_from(took).unwrap_or(0));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
        Some(run)
    }

    /// What the last run did that came to its end.
    pub fn last(&self) -> Option<PrewarmRun> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to warm, each once, in order.
    async fn keys(&self, now: Timestamp) -> Vec<CacheKey> {
        let mut keys = self.dashboard();
        for heat in [Heat::Missed, Heat::Asked] {
            // Without tracking there is only the dashboard.
            let hot = self.usage.cache.hottest(heat, CANDIDATES).await.unwrap_or_default();
            let lately = hot.into_iter().filter(|used| used.last_asked.plus_seconds(IDLE) > now);
            keys.extend(lately.map(|used| used.key));
        }
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
        keys
    }

    /// The last closed days of UTC, everybody's.
    fn dashboard(&self) -> Vec<CacheKey> {
        let zone = Zone::utc();
        let Some(sealed) = self.usage.sealed() else { return Vec::new() };
        let days = (1..=DASHBOARD_DAYS).map(|back| sealed.plus_seconds(-86_400 * back));
        days.map(|at| {
            let (zone, date) = (zone.clone(), zone.date_of(at));
            self.usage.key(Question::Day { zone, date, client: None })
        })
        .collect()
    }
}

/// The right to run, given back however the run ends.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    fn take(is_running: &'a AtomicBool) -> Option<Self> {
        is_running
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then_some(Self(is_running))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
