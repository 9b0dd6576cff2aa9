//! A store that takes nothing for a while.

use std::time::{Duration, Instant};

use crate::support::{Database, Load, Node, Outcome, until};
use crate::{RECENT, check};

const LOCKED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn ingest_goes_on_while_the_store_is_locked() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20")]).await;
    let accounts = [node.register("ada", "client").await, node.register("bob", "client").await];
    let load = Load::start(&node, &accounts, 4, 9);
    let enough = Duration::from_secs(10);
    until("load", enough, async || (load.requests() > 50).then_some(())).await;

    let lock = Database::lock(&node);
    let (start, before) = (Instant::now(), Database::of(&node).rows().len());
    let requests = load.requests();
    until("the end of the outage", enough, async || (start.elapsed() > LOCKED).then_some(())).await;
    assert_eq!(Database::of(&node).rows().len(), before, "the store takes nothing");
    assert!(load.requests() > requests + 100, "and yet events are taken");
    drop(lock);

    let mut ledger = load.finish().await;
    assert_eq!(ledger.count(Outcome::Unknown), 0, "every request was answered");
    node.drain(&accounts[0], &mut ledger).await;
    let last = node.stop().await;
    assert_eq!((&last["stored"], &last["duplicate"]), (&last["accepted"], &0.into()), "{last}");
    assert_eq!(last["accepted"], ledger.count(Outcome::Ok), "{last}");
    check(&node, &ledger, RECENT);
}
