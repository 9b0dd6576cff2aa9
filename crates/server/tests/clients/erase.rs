//! A client that is erased while its events are on their way.

use std::fs;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Database, Event, Node, Random, until};

const TIME: Duration = Duration::from_secs(10);

fn database_has(node: &Node, text: &str) -> bool {
    ["activity.db", "activity.db-wal"].iter().any(|name| {
        let bytes = fs::read(node.path("data").join(name)).unwrap_or_default();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

fn is_client(node: &Node, id: &str) -> bool {
    Database::of(node).count(&format!("client_number WHERE id = '{id}'")) > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_client_leaves_nothing_in_the_database_and_late_events_are_discarded() {
    let mut node = Node::started(&[("LOG_BATCH_SIZE", "10000"), ("LOG_BATCH_INTERVAL_MS", "60000")]).await;
    let (ada, bob) = (node.register("ada-c4n4ry", "client").await, node.register("bob", "client").await);
    let mut random = Random(5);
    let events = |account, random: &mut Random| {
        let mut events: Vec<Value> = Event::several(30, account, random).iter().map(Event::json).collect();
        for event in &mut events {
            event["userAgent"] = json!("agent-c4n4ry");
            event["ipAddress"] = json!("2001:db8:cafe:cafe::1");
            event["metadata"] = json!({ "note": "metadata-c4n4ry" });
        }
        events
    };
    let stored = node.post(&ada.key).header("prefer", "wait=10").json(&events(&ada, &mut random));
    assert_eq!(stored.send().await.unwrap().status(), StatusCode::CREATED);
    let canaries = ["ada-c4n4ry", "agent-c4n4ry", "2001:db8:cafe:cafe::1", "metadata-c4n4ry"];
    for canary in canaries {
        assert!(database_has(&node, canary), "the search finds {canary}");
    }
    assert!(is_client(&node, &ada.id));
    // These are in the spool when their client goes.
    let waiting = node.post(&ada.key).json(&events(&ada, &mut random)).send().await.unwrap();
    assert_eq!(waiting.status(), StatusCode::ACCEPTED);
    let erase = node.http.delete(node.at(&format!("/api/clients/{}", ada.id)));
    let erased = erase.header("x-api-key", node.admin_key()).send().await.unwrap();
    assert_eq!(erased.status(), StatusCode::NO_CONTENT);
    until("no trace in the database", TIME, async || {
        canaries.iter().all(|canary| !database_has(&node, canary)).then_some(())
    })
    .await;
    node.record(&bob.key, &Event::several(5, &bob, &mut random), true).await;
    let days = node.daily("days=30").await;
    let mut counts: Vec<(bool, u64)> =
        days.iter().map(|((_, client), count)| (client.starts_with("anon-"), count.requests)).collect();
    counts.sort_unstable();
    let sum = |anonymous| counts.iter().filter(|(a, _)| *a == anonymous).map(|(_, n)| n).sum::<u64>();
    assert_eq!((sum(false), sum(true)), (5, 30), "{days:?}");

    let last = node.stop().await;
    let number = |name: &str| last[name].as_u64().unwrap();
    assert_eq!((number("accepted"), number("stored"), number("discarded")), (65, 35, 30), "{last}");
    for canary in canaries {
        assert!(!database_has(&node, canary), "{canary} is back");
    }
    // Its id is kept with what admins did, and nowhere else.
    assert!(!is_client(&node, &ada.id));
}
