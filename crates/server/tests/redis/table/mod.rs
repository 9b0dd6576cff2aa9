//! The fault table of Redis: two servers under load, and what happens to what they share. Each row is one test, short here
//! and in full by `cargo xtask faults`. Whatever happens: nobody gets an error, limits hold within their bound, and every
//! answer is the right client's and right.

mod asking;
mod failover;
mod load;
mod lost;
mod memory;
mod partition;
mod poison;
mod rolling;
mod silence;
mod trial;

use std::time::Duration;

pub use asking::Known;
use load::Load;
use trial::Trial;

/// How often: in short and in full.
fn rounds(short: u64, full: u64) -> u64 {
    let is_full = std::env::var("ACTIVITY_FAULTS").is_ok_and(|value| value == "full");
    if is_full { full } else { short }
}

/// For how long.
fn seconds(short: u64, full: u64) -> Duration {
    Duration::from_secs(rounds(short, full))
}

/// The time that a fault takes, and not a wait for anything.
async fn while_it_lasts(time: Duration) {
    tokio::time::sleep(time).await;
}
