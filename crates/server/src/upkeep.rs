//! The store's housekeeping, in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use activity_domain::activity::AgePolicy;
use activity_domain::counting::Counter;
use activity_domain::error::StoreError;
use activity_domain::port::{Clock, Retained, Upkeep};
use activity_domain::time::Timestamp;
use tokio::sync::watch;

use crate::settling::Settling;

/// Deltas wait so long at most while all is well. Answers include them, so this is about speed only.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// What upkeep has done since the start.
#[derive(Debug, Default)]
pub struct UpkeepCounts {
    /// Deltas that waited when the compactor last looked.
    pub waiting: AtomicU64,
    /// Deltas folded into blocks.
    pub folded: Counter,
    /// Raw rows that were older than what is retained.
    pub dropped: Counter,
    /// Raw rows of erased clients.
    pub purged: Counter,
    /// Steps that failed.
    pub failures: Counter,
}

/// A piece of what is to be taken away. Returns how long the next may wait.
async fn purge(
    upkeep: &dyn Upkeep,
    now: Timestamp,
    trouble: &mut Trouble,
    counts: &UpkeepCounts,
) -> Duration {
    match upkeep.purge(now).await {
        Ok(done) => {
            trouble.is_over();
            counts.purged.add_many(done.rows);
            if done.more { Duration::ZERO } else { PAUSE }
        }
        Err(error) => {
            counts.failures.add();
            trouble.is(&error, "what erased clients left could not be taken away; it is tried again");
            PAUSE
        }
    }
}

/// A trouble that goes on is told once, and not every few seconds.
#[derive(Default)]
struct Trouble(Option<StoreError>);

impl Trouble {
    fn is(&mut self, error: &StoreError, what: &str) {
        if self.0.as_ref() != Some(error) {
            tracing::warn!(%error, "{what}");
            self.0 = Some(error.clone());
        }
    }

    fn is_over(&mut self) {
        self.0 = None;
    }
}

/// Compacts, drops what is no longer kept, and takes away what must not stay, until `stop` turns true.
pub async fn run(
    upkeep: Arc<dyn Upkeep>,
    clock: Arc<dyn Clock>,
    ages: AgePolicy,
    counts: Arc<UpkeepCounts>,
    mut stop: watch::Receiver<bool>,
) {
    let mut settling = Settling::default();
    let (mut trouble, mut trouble_with_purging) = (Trouble::default(), Trouble::default());
    loop {
        let now = clock.now();
        // The rows that a wrong clock drops do not come back when it is put right.
        let retained_from = ages.retained_from(now).filter(|_| settling.is_settled(now, Instant::now()));
        let pause = match once(upkeep.as_ref(), now, retained_from, &counts).await {
            Ok(more) => {
                trouble.is_over();
                if more { Duration::ZERO } else { INTERVAL }
            }
            Err(error) => {
                counts.failures.add();
                trouble.is(&error, "the store's upkeep failed; answers stay right and get slower");
                PAUSE
            }
        };
        let purged = purge(upkeep.as_ref(), clock.now(), &mut trouble_with_purging, &counts).await;
        let pause = pause.min(purged);
        // A stop that comes first ends it; a dropped sender does too.
        if tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// One step of everything; whether there is more to do.
async fn once(
    upkeep: &dyn Upkeep,
    now: Timestamp,
    retained_from: Option<Timestamp>,
    counts: &UpkeepCounts,
) -> Result<bool, StoreError> {
    let compacted = upkeep.compact(now).await?;
    counts.folded.add_many(compacted.deltas);
    // Where another instance is at it, that one knows.
    counts.waiting.store(compacted.waiting.unwrap_or(0), Ordering::Relaxed);
    let retained = match retained_from {
        Some(from) => upkeep.retain(from).await?,
        None => Retained::default(),
    };
    counts.dropped.add_many(retained.dropped);
    if retained.dropped > 0 {
        tracing::debug!(rows = retained.dropped, "raw rows were dropped, as RAW_RETENTION_DAYS says");
    }
    Ok(compacted.more || retained.more)
}
