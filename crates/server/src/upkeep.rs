//! The store's housekeeping, in the background.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::port::{Clock, Upkeep};
use activity_domain::time::Timestamp;
use tokio::sync::watch;

/// Deltas wait so long at most while all is well. Answers include them, so this is about speed only.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// A piece of what is to be taken away. Returns how long the next may wait.
async fn purge(upkeep: &dyn Upkeep, now: Timestamp) -> Duration {
    match upkeep.purge(now).await {
        Ok(done) if done.more => Duration::ZERO,
        Ok(_) => PAUSE,
        Err(error) => {
            tracing::warn!(%error, "what erased clients left could not be taken away; it is tried again");
            PAUSE
        }
    }
}

/// Compacts, and takes away what must not stay, until `stop` turns true.
pub async fn run(upkeep: Arc<dyn Upkeep>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    loop {
        let pause = match upkeep.compact(clock.now()).await {
            Ok(done) if done.more => Duration::ZERO,
            Ok(_) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "usage could not be compacted; answers stay right and get slower");
                PAUSE
            }
        };
        let pause = pause.min(purge(upkeep.as_ref(), clock.now()).await);
        // A stop that comes first ends it; a dropped sender does too.
        if tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}
