//! Learns what other instances put into days that are over, in the background, so that the cache forgets it: within
//! a second, or the cache is passed by.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::service::Following;
use tokio::sync::watch;

/// Between two questions. With the time that a question takes, what is known stays trusted.
const INTERVAL: Duration = Duration::from_millis(400);

/// Asks until `stop` turns true.
pub async fn run(following: Option<Arc<Following>>, mut stop: watch::Receiver<bool>) {
    let Some(following) = following else {
        // Nobody else writes to the store.
        let _stopped = stop.wait_for(|stop| *stop).await;
        return;
    };
    // An outage at the start is told by whoever makes the first contact.
    let mut is_heeding = false;
    loop {
        let polled = following.poll().await;
        match &polled {
            Err(error) if is_heeding => {
                tracing::warn!(%error, "what comes late cannot be followed; answers come from the store meanwhile");
            }
            _ => {}
        }
        is_heeding = polled.is_ok();
        // A stop that comes first ends it; a dropped sender does too.
        if tokio::time::timeout(INTERVAL, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}
