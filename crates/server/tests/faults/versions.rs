//! Versions of the embedded schema, taken back and added again with data in it: nothing is lost, and nothing counts
//! otherwise.

use crate::support::{Database, Event, Ledger, Node, Outcome, Random};
use crate::{RECENT, check};

/// What one call of `migrate` says, which has to go well.
fn migrate(node: &Node, arguments: &[&str]) -> String {
    let (is_done, said) = node.run(&[&["migrate"], arguments].concat());
    assert!(is_done, "{said}");
    said
}

/// A way back by one step and by all of them, and an upgrade from there, which a start does by itself.
#[tokio::test(flavor = "multi_thread")]
async fn each_version_can_be_taken_back_and_added_again() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let ada = node.register("ada", "client").await;
    let (mut ledger, mut random) = (Ledger::default(), Random(12));
    let events = Event::several(2_000, &ada, &mut random);
    node.record(&ada.key, &events, true).await;
    ledger.note(events, Outcome::Ok);
    node.stop().await;
    let versions = migrate(&node, &["status"]).matches("applied").count();
    assert!(versions > 6);
    // Without the first version there are no tables.
    for taken in [1, versions - 1] {
        for step in 1..=taken {
            let said = migrate(&node, &["down", "--yes"]);
            assert_eq!(said.matches("pending").count(), step, "{said}");
            // Below `usage` there are no counts until the next start, which counts all rows again.
            let is_counted = said.lines().any(|line| line.starts_with("applied") && line.contains("000004"));
            check(&node, &ledger, if is_counted { RECENT } else { &[] });
        }
        node.start().await;
        node.drain(&ada, &mut ledger).await;
        let told: u64 = node.daily("days=8").await.values().map(|day| day.requests).sum();
        assert_eq!(told, ledger.count(Outcome::Ok) as u64, "{taken} versions back");
        node.stop().await;
        check(&node, &ledger, RECENT);
        assert_eq!(Database::of(&node).count("set_aside"), 0);
    }
}
