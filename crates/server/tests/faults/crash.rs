//! kill -9, and a spool that was put back from a copy.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use crate::support::{Database, Event, Ledger, Load, Node, Outcome, Random, by_day};
use crate::{RECENT, check};

const KILLS: u32 = 20;
/// Everything is drained at once, so that most kills hit a transaction.
const EAGER: &[(&str, &str)] = &[("LOG_BATCH_SIZE", "1"), ("LOG_BATCH_INTERVAL_MS", "10")];

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_and_doubles_nothing() {
    let mut node = Node::started(EAGER).await;
    let accounts = [node.register("ada", "client").await, node.register("bob", "client").await];
    let load = Load::start(&node, &accounts, 16, 1);
    let mut random = Random(20);
    let mut slowest = Duration::ZERO;
    for kill in 0..KILLS {
        // The moment of the fault, not a wait for anything.
        sleep(random.millis(150..400)).await;
        node.kill();
        if kill % 4 == 3 {
            // Once more, while it is still starting and draining what it found.
            node.spawn();
            sleep(random.millis(1..120)).await;
            node.kill();
        }
        slowest = slowest.max(node.start().await);
    }
    let mut ledger = load.finish().await;
    node.drain(&accounts[0], &mut ledger).await;
    let daily = node.daily("days=10").await;
    node.kill();

    let [ok, refused, unknown] = [Outcome::Ok, Outcome::Refused, Outcome::Unknown].map(|o| ledger.count(o));
    println!("{ok} ok, {refused} refused, {unknown} unknown; ready again after {slowest:?} at most");
    assert!(ok > 500 && refused > 0 && unknown > 0, "the load met the faults");
    check(&node, &ledger, RECENT);
    let mut counted = by_day(&Database::of(&node).rows());
    for count in counted.values_mut() {
        *count = count.untimed();
    }
    assert_eq!(daily, counted, "what the API says");
    assert!(slowest < Duration::from_secs(10), "ready again after {slowest:?}");
}

/// Nothing is drained for its size or age, so that events wait in the spool.
const PATIENT: &[(&str, &str)] = &[("LOG_BATCH_SIZE", "10000"), ("LOG_BATCH_INTERVAL_MS", "60000")];

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_put_back_from_a_copy_counts_nothing_again() {
    let mut node = Node::started(PATIENT).await;
    let account = node.register("ada", "client").await;
    let mut random = Random(3);
    let mut ledger = Ledger::default();
    for _ in 0..30 {
        let events = Event::several(10, &account, &mut random);
        node.record(&account.key, &events, false).await;
        ledger.note(events, Outcome::Ok);
    }
    node.kill();
    assert_eq!(Database::of(&node).rows().len(), 0, "all of it waits in the spool");
    copy(&node.path("data/spool"), &node.path("copy"));

    node.start().await;
    node.drain(&account, &mut ledger).await;
    let events = Event::several(50, &account, &mut random);
    node.record(&account.key, &events, false).await;
    ledger.note(events, Outcome::Ok);
    let accounts = node.stop().await;
    assert_eq!((&accounts["stored"], &accounts["duplicate"]), (&351.into(), &0.into()), "{accounts}");

    fs::remove_dir_all(node.path("data/spool")).unwrap();
    copy(&node.path("copy"), &node.path("data/spool"));
    node.start().await;
    let events = Event::several(50, &account, &mut random);
    node.record(&account.key, &events, true).await;
    ledger.note(events, Outcome::Ok);
    let accounts = node.stop().await;
    // The stream's cursor passes over what is stored; that the rows' keys are known as well is only
    // the second line.
    assert_eq!((&accounts["stored"], &accounts["duplicate"]), (&50.into(), &0.into()), "{accounts}");
    check(&node, &ledger, RECENT);
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let mut segments = 0;
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            segments += usize::from(entry.path().extension().is_some_and(|extension| extension == "seg"));
        }
    }
    assert!(segments > 0, "there is something in it");
}
