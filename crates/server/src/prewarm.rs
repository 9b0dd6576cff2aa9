//! Pre-warming: in the background of a server, and by hand.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::port::Clock;
use activity_domain::service::{Prewarm, PrewarmRun};
use serde::Deserialize;
use tokio::sync::watch;

use crate::Failure;
use crate::config::{CacheSettings, Settings};
use crate::running::RunningServer;
use crate::schedule::Schedule;

/// A clock that is put forward is noticed after so long.
const NAP: Duration = Duration::from_mins(1);
/// Between two looks at whether the store is there.
const GLANCE: Duration = Duration::from_millis(100);

/// Warms the cache at the start and by schedule, as the settings say, until `stop` turns true.
pub async fn run(
    prewarm: Arc<Prewarm>,
    settings: CacheSettings,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let work = async {
        if settings.prewarm_at_start {
            ready(&prewarm).await;
            report(prewarm.run().await);
        }
        if let Some(schedule) = settings.prewarm_schedule {
            while wait(&schedule, clock.as_ref()).await {
                ready(&prewarm).await;
                report(prewarm.run().await);
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Waits until the store is there to be asked.
async fn ready(prewarm: &Prewarm) {
    while !prewarm.is_ready() {
        tokio::time::sleep(GLANCE).await;
    }
}

fn report(run: Option<PrewarmRun>) {
    let Some(run) = run else { return tracing::info!("the cache is being warmed already") };
    let PrewarmRun { warmed, skipped, failed, took, at: _ } = run;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(warmed, skipped, failed, took_ms, "the cache is warmed");
}

/// Waits for the next time. False if there is none any more.
async fn wait(schedule: &Schedule, clock: &dyn Clock) -> bool {
    let Some(next) = schedule.next(clock.now()) else { return false };
    loop {
        let left = next.as_micros() - clock.now().as_micros();
        match u64::try_from(left) {
            Ok(left @ 1..) => tokio::time::sleep(Duration::from_micros(left).min(NAP)).await,
            _ => return true,
        }
    }
}

/// What a server answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    warmed: u64,
    skipped: u64,
    failed: u64,
    took_ms: u64,
}

/// Has the running server warm its cache, which is in its memory, and says what it did.
pub async fn by_hand(settings: &Settings) -> Result<(), Failure> {
    let server = RunningServer::find(settings)?;
    let response = server.post("/api/cache/prewarm").send().await?;
    if response.status() == reqwest::StatusCode::CONFLICT {
        return Err("the running server is warming its cache already".into());
    }
    let Answer { warmed, skipped, failed, took_ms } = response.error_for_status()?.json().await?;
    crate::print(&format!("{warmed} warmed, {skipped} skipped, {failed} failed in {took_ms} ms"))
}
