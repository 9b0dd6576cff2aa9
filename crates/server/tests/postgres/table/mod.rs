//! The fault table: real servers under load, and what happens to them. Each row of it is one test, short here and
//! in full by `cargo xtask faults`. Whatever happens: what was answered 2xx is stored and counted exactly once, what
//! was refused is not there, and nothing is there that nobody sent.

mod clock;
mod commits;
mod deadlocks;
mod disk;
mod kills;
mod locks;
mod outage;
mod promotion;
mod readers;
mod replicas;
mod trial;

use std::thread::JoinHandle;
use std::time::Duration;

use activity_testkit::Address;
use readers::Readers;
use trial::Trial;

/// Whether there is time for all of it.
fn is_full() -> bool {
    std::env::var("ACTIVITY_FAULTS").is_ok_and(|value| value == "full")
}

/// How often, or for how many seconds: in short and in full.
fn either_of(short: u64, full: u64) -> u64 {
    if is_full() { full } else { short }
}

fn seconds(short: u64, full: u64) -> Duration {
    Duration::from_secs(either_of(short, full))
}

/// The time that a fault takes, and not a wait for anything.
async fn while_it_lasts(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Somebody else's session, at work beside the test.
fn session(address: &Address, sql: String) -> JoinHandle<Result<String, String>> {
    let address = address.clone();
    std::thread::spawn(move || address.try_sql(&sql))
}
