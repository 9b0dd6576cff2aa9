//! The spool of an instance that does not come back, drained into another store.

use std::fs;

use crate::support::{Account, Database, Event, Ledger, Node, Outcome, Random};
use crate::{RECENT, check};

/// An instance that was killed while its store was locked: what it accepted is in its spool alone.
async fn gone() -> (Node, Account, Ledger) {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20")]).await;
    let account = node.register("ada", "client").await;
    let lock = Database::lock(&node);
    let mut ledger = Ledger::default();
    let mut random = Random(11);
    for _ in 0..40 {
        let events = Event::several(25, &account, &mut random);
        node.record(&account.key, &events, false).await;
        ledger.note(events, Outcome::Ok);
    }
    node.kill();
    drop(lock);
    assert_eq!(Database::of(&node).rows().len(), 0, "all of it is in the spool alone");
    (node, account, ledger)
}

fn spool(node: &Node) -> String {
    node.path("data/spool").to_string_lossy().into_owned()
}

fn segments(node: &Node) -> usize {
    let names = fs::read_dir(node.path("data/spool")).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).count()
}

fn count(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
    line.split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_is_drained_into_a_store_without_a_server() {
    let (gone, _, ledger) = gone().await;
    let target = Node::new(&[]);
    assert!(segments(&gone) > 0);
    for command in [&["admin", "drain", "--spool"][..], &["drain", "--spool"]] {
        let is_first = segments(&gone) > 0;
        let (ok, text) = target.run(&[command, &[&spool(&gone)]].concat());
        assert!(ok, "{text}");
        assert_eq!(count(&text, "stored"), if is_first { 1_000 } else { 0 }, "{text}");
        for name in ["duplicates", "discarded", "set aside", "damaged"] {
            assert!(text.contains(&format!("{name:<12}{:>12}", 0)), "{name} in: {text}");
        }
        assert_eq!(segments(&gone), 0);
        check(&target, &ledger, RECENT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_is_drained_beside_a_running_server_and_a_copy_of_it_changes_nothing() {
    let (gone, _, mut ledger) = gone().await;
    let copy = Node::new(&[]);
    fs::create_dir_all(copy.path("data/spool")).unwrap();
    for entry in fs::read_dir(gone.path("data/spool")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path("data/spool").join(entry.file_name())).unwrap();
    }
    let mut target = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20")]).await;
    let account = target.register("bob", "client").await;
    let own = Event::several(50, &account, &mut Random(12));
    target.record(&account.key, &own, false).await;
    ledger.note(own, Outcome::Ok);
    for (node, stored) in [(&gone, 1_000), (&copy, 0)] {
        let (ok, text) = target.run(&["admin", "drain", "--spool", &spool(node)]);
        assert!(ok, "{text}");
        assert_eq!((count(&text, "stored"), segments(node)), (stored, 0), "{text}");
    }
    target.drain(&account, &mut ledger).await;
    let seen: u64 = target.daily("days=10").await.values().map(|count| count.requests).sum();
    assert_eq!(seen, ledger.count(Outcome::Ok) as u64, "the server sees what came in behind its back");
    target.stop().await;
    check(&target, &ledger, RECENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_or_none_is_refused() {
    let node = Node::started(&[]).await;
    let target = Node::new(&[]);
    let refused = |folder: &str| {
        let (ok, text) = target.run(&["admin", "drain", "--spool", folder]);
        assert!(!ok, "{text}");
        text
    };
    assert!(refused(&spool(&node)).contains("in use by another process"));
    assert!(refused(node.path("data").to_str().unwrap()).contains("data/spool"));
    assert!(refused("nowhere").contains("is not a spool"));
    assert!(!target.path("nowhere").exists() && !target.path("data").exists(), "nothing is made");
}

/// Its own spool, where the server does not start any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_drains_its_own_spool() {
    let (gone, _, ledger) = gone().await;
    let (ok, text) = gone.run(&["admin", "drain", "--spool", "data/spool"]);
    assert!(ok, "{text}");
    assert_eq!((count(&text, "stored"), segments(&gone)), (1_000, 0), "{text}");
    check(&gone, &ledger, RECENT);
}
