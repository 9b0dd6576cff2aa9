//! What the tests of the whole program share: a real server in a folder of its own, senders that keep
//! a ledger, and a look at the database file behind the server's back.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod api;
mod collector;
mod database;
mod front;
mod ledger;
mod load;
mod metrics;
mod node;
mod random;
mod real_log;
mod skew;

use std::time::{Duration, Instant};

pub use api::Account;
pub use collector::Collector;
pub use database::{Count, Database, Days, Row, by_day, date};
pub use front::Front;
pub use ledger::{Event, Ledger, Outcome};
pub use load::Load;
pub use metrics::Metrics;
pub use node::Node;
pub use random::Random;
pub use real_log::real_log;
pub use skew::{faketime, skew};

const POLL: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer. What takes longer than `within` fails the test.
pub async fn until<T>(what: &str, within: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(start.elapsed() < within, "waited {within:?} for {what}");
        tokio::time::sleep(POLL).await;
    }
}
