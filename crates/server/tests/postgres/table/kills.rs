//! kill -9 of the server.

use std::time::Duration;

use activity_testkit::Database;

use super::{Trial, either_of, while_it_lasts};

/// Everything is drained at once, so that most kills hit a transaction.
const EAGER: &[(&str, &str)] = &[("LOG_BATCH_SIZE", "1"), ("LOG_BATCH_INTERVAL_MS", "10")];

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_again_and_again() {
    let database = Database::empty();
    let mut trial = Trial::start(database.address(), 1, EAGER).await;
    let kills = either_of(4, 20);
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        trial.more(20).await;
        while_it_lasts(trial.random.millis(50..400)).await;
        trial.nodes[0].kill();
        if kill % 4 == 3 {
            // Once more, while it is still starting and draining what it found.
            trial.nodes[0].spawn();
            while_it_lasts(trial.random.millis(1..150)).await;
            trial.nodes[0].kill();
        }
        slowest = slowest.max(trial.nodes[0].start().await);
    }
    assert!(trial.failures() >= kills, "the load met the faults");
    trial.end(&format!("{kills} times killed, ready again after {slowest:?} at most")).await;
}
