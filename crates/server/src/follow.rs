//! Keeps up with changes of clients and keys, in the background: what another instance or the `admin`
//! command changed acts here within a second, and at once where the other instance can say so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_domain::live::About;
use activity_domain::port::LiveFeed;
use activity_domain::service::Access;
use tokio::sync::watch;
use tokio::time::sleep;

/// Between two looks at the changes.
const INTERVAL: Duration = Duration::from_millis(500);
/// Between two writes of when keys were last used.
const USES: Duration = Duration::from_secs(10);

/// Hints may come faster than looking is worth.
const LEAST: Duration = Duration::from_millis(20);

/// Follows changes until `stop` turns true; then writes down the last uses.
pub async fn run(access: Arc<Access>, feed: Arc<dyn LiveFeed>, mut stop: watch::Receiver<bool>) {
    // Hints that come during a look are there for the next.
    let mut hints = feed.hints(About::Clients);
    let mut is_following = true;
    let mut written = Instant::now();
    loop {
        let refreshed = access.refresh().await;
        // An outage is told once, not twice a second.
        match &refreshed {
            Ok(_) if !is_following => tracing::info!("changes of clients are followed again"),
            Err(error) if is_following => {
                tracing::warn!(%error, "changes of clients cannot be followed; known keys work for ten minutes");
            }
            _ => {}
        }
        is_following = refreshed.is_ok();
        if written.elapsed() >= USES {
            write_uses(&access).await;
            written = Instant::now();
        }
        let pause = if matches!(refreshed, Ok(true)) { Duration::ZERO } else { INTERVAL };
        let hinted = async {
            sleep(LEAST).await;
            if !hints.next().await {
                std::future::pending::<()>().await;
            }
        };
        let is_stopped = tokio::select! {
            // A stop that comes first ends it; a dropped sender does too.
            _ = stop.wait_for(|stop| *stop) => true,
            () = sleep(pause) => false,
            () = hinted => false,
        };
        if is_stopped {
            return write_uses(&access).await;
        }
    }
}

async fn write_uses(access: &Access) {
    if let Err(error) = access.write_uses().await {
        tracing::debug!(%error, "when keys were last used could not be written; it is tried again");
    }
}
