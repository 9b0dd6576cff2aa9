//! Rows that the store refuses: kept, listed, and stored once it takes them.

use std::fs;

use serde_json::json;

use crate::support::{Database, Event, Ledger, Node, Outcome, Random};
use crate::{RECENT, check};

/// Makes the store refuse rows of one endpoint by a broken constraint, as a bad row would.
const POISON: &str = "CREATE TABLE narrow (n INTEGER CHECK (n > 0));
    CREATE TRIGGER poison BEFORE INSERT ON activity WHEN NEW.endpoint = '/bad'
    BEGIN INSERT INTO narrow VALUES (0); END;";

fn run(node: &Node, arguments: &[&str]) -> String {
    let (ok, text) = node.run(&[&["admin", "set-aside"], arguments].concat());
    assert!(ok, "{arguments:?}: {text}");
    text
}

/// The numbers at the beginnings of the lines of a list.
fn numbers(list: &str) -> Vec<String> {
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    list.lines().filter_map(first).filter(|word| word.bytes().all(|b| b.is_ascii_digit())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_replayed_beside_the_server() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20"), ("AUDIT_CAPTURE", "full")]).await;
    let account = node.register("ada", "client").await;
    assert!(run(&node, &["list"]).contains("nothing is set aside"));
    Database::change(&node, POISON);
    let events = Event::several(4, &account, &mut Random(31));
    let mut bodies: Vec<_> = events.iter().map(Event::json).collect();
    for bad in [1, 3] {
        bodies[bad]["endpoint"] = json!("/bad");
        bodies[bad]["requestBody"] = json!("hello");
    }
    let answer = node.post(&account.key).header("prefer", "wait=10").json(&bodies).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let mut ledger = Ledger::default();
    ledger.note(events, Outcome::Ok);
    let mut database = Database::of(&node);
    assert_eq!((database.rows().len(), database.count("set_aside")), (2, 2));

    let list = run(&node, &["list"]);
    let [one, other]: [String; 2] = numbers(&list).try_into().unwrap();
    assert_eq!(list.matches("/bad").count(), 2, "{list}");
    let shown = run(&node, &["show", &one]);
    assert!(shown.contains("CHECK") && shown.contains(&account.id) && !shown.contains("hello"), "{shown}");

    // Refused again: it stays, once.
    for _ in 0..2 {
        assert!(run(&node, &["replay", "--all"]).contains("0 replayed, 2 refused again"));
        assert_eq!((database.rows().len(), database.count("set_aside")), (2, 2));
    }
    let (ok, text) = node.run(&["admin", "set-aside", "replay", &one]);
    assert!(!ok && text.contains("nothing with the number"), "it has a new number now: {text}");

    Database::change(&node, "DROP TRIGGER poison");
    let [one, other_now]: [String; 2] = numbers(&run(&node, &["list"])).try_into().unwrap();
    assert_ne!(other, other_now);
    assert!(run(&node, &["replay", &one]).contains("is stored"));
    assert!(run(&node, &["replay", "--all"]).contains("1 replayed, 0 refused again"));
    assert_eq!((database.count("set_aside"), database.count("activity_body")), (0, 2));
    let seen: u64 = node.daily("days=10").await.values().map(|count| count.requests).sum();
    assert_eq!(seen, 4, "the server sees it");
    node.stop().await;
    check(&node, &ledger, RECENT);
}

/// What an import could not store can be replayed as well, and dropped.
#[tokio::test(flavor = "multi_thread")]
async fn refused_lines_of_an_import_are_replayable() {
    let node = Node::new(&[]);
    assert!(node.run(&["migrate"]).0);
    Database::change(&node, POISON);
    let line = |path: &str, second: u32| {
        format!("192.0.2.7 - - [10/Mar/2026:12:00:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 17\n")
    };
    fs::write(
        node.path("log.txt"),
        [line("/good", 1), line("/bad", 2), line("/bad", 3), line("/good", 4)].concat(),
    )
    .unwrap();
    let (ok, text) = node.run(&["import", "--client-by", "ip", "log.txt"]);
    assert!(ok && text.contains("set aside"), "{text}");
    let list = run(&node, &["list"]);
    let [one, other]: [String; 2] = numbers(&list).try_into().unwrap();
    assert!(list.contains("2026-03-10T12:00:02Z"), "{list}");
    assert!(run(&node, &["drop", &one]).contains("dropped"));
    Database::change(&node, "DROP TRIGGER poison");
    assert!(run(&node, &["replay", &other]).contains("is stored"));
    let mut database = Database::of(&node);
    assert_eq!((database.rows().len(), database.count("set_aside")), (3, 0));
    // The dropped one comes back with the log, the others are known.
    let (ok, text) = node.run(&["import", "--client-by", "ip", "log.txt"]);
    assert!(ok, "{text}");
    assert_eq!(database.rows().len(), 4);
}
