//! Versions of the schema, taken back and added again with data in it: nothing is lost, and nothing counts otherwise.

use activity_testkit::Database;

use crate::support::{Event, Ledger, Node, Outcome, Random};
use crate::{check, started};

/// What one call of `migrate` says, which has to go well.
fn migrate(node: &Node, arguments: &[&str]) -> String {
    let (is_done, said) = node.run(&[&["migrate"], arguments].concat());
    assert!(is_done, "{said}");
    said
}

/// A way back by one step and by all of them, and an upgrade from there.
#[tokio::test(flavor = "multi_thread")]
async fn each_version_can_be_taken_back_and_added_again() {
    let database = Database::empty();
    let address = database.address();
    let mut node = started(address, &[]).await;
    let ada = node.register("ada", "client").await;
    let (mut ledger, mut random) = (Ledger::default(), Random(11));
    let events = Event::several(2_000, &ada, &mut random);
    node.record(&ada.key, &events, true).await;
    ledger.note(events, Outcome::Ok);
    node.stop().await;
    let versions = migrate(&node, &["status"]).matches("applied").count();
    assert!(versions > 5);
    // Without the first version there are no tables.
    for taken in [1, versions - 1] {
        for step in 1..=taken {
            let said = migrate(&node, &["down", "--yes"]);
            assert_eq!(said.matches("pending").count(), step, "{said}");
            check(address, &ledger);
        }
        assert!(!migrate(&node, &["up"]).contains("pending"));
        check(address, &ledger);
        // What the newest version has beside the rows is right as well: answers come from it.
        node.start().await;
        node.drain(&ada, &mut ledger).await;
        let told: u64 = node.daily("days=8").await.values().map(|day| day.requests).sum();
        assert_eq!(told, ledger.count(Outcome::Ok) as u64, "{taken} versions back");
        node.stop().await;
        check(address, &ledger);
    }
}
