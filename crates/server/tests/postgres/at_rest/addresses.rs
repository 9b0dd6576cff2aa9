//! Callers' addresses: with `IP_PRIVACY` no whole one is left anywhere.

use std::fs;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Canary, Store, as_admin, ask};
use crate::LONG;
use crate::support::{Node, until};

/// Each comes in by another way.
const SENT: [&str; 2] = ["203.0.113.177", "2001:db8:cafe:cafe::177"];
const FORWARDED: &str = "198.51.100.177";
const LOGGED: &str = "192.0.2.177";

fn event(address: &str) -> Value {
    json!({
        "endpoint": "/things", "method": "GET", "statusCode": 200, "ipAddress": address,
        "id": Uuid::now_v7().to_string(), "timestamp": Timestamp::now().to_string(),
    })
}

/// A line of an access log, imported.
fn import(node: &Node, file: &str) {
    let now = Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    let line = format!("{LOGGED} - - [{now}] \"GET /{file} HTTP/1.1\" 200 5 \"-\" \"curl\"\n");
    fs::write(node.path(file), line).unwrap();
    let (ok, said) = node.run(&["import", "--client-by", "ip", file]);
    assert!(ok, "{said}");
}

/// A node into which addresses came by every way; the events are stored if `stored`, else in the spool.
async fn used(node: &mut Node, stored: bool) {
    import(node, "before");
    node.start().await;
    let ada = node.register("ada", "client").await;
    let mut reader = as_admin(node.http.get(node.at("/api/usage/stream?channel=logs"))).send().await.unwrap();
    let sent = node.post(&ada.key).json(&SENT.map(event)).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    let asked = node.http.get(node.at("/api/verify?record=true")).header("x-api-key", &ada.key);
    let asked = asked.header("x-original-uri", "/verified").header("x-original-method", "GET");
    assert_eq!(asked.header("x-forwarded-for", FORWARDED).send().await.unwrap().status(), StatusCode::OK);
    import(node, "beside");
    // What readers are told is written down, to be looked through.
    let mut told = String::new();
    while ["/things", "/verified", "/beside"].iter().any(|path| !told.contains(path)) {
        let part = tokio::time::timeout(LONG, reader.chunk()).await.unwrap().unwrap().unwrap();
        told.push_str(&String::from_utf8_lossy(&part));
    }
    fs::write(node.path("data/told"), told).unwrap();
    if stored {
        until("all rows", LONG, async || {
            (ask(node, "/api/logs").await["data"].as_array()?.len() == 5).then_some(())
        })
        .await;
    }
}

fn canaries() -> Vec<Canary> {
    [SENT[0], SENT[1], FORWARDED, LOGGED].map(Canary::address).to_vec()
}

/// What is found of the addresses, while the server runs and after its end.
async fn found(store: &Store, privacy: &str, interval: &str) -> (Vec<String>, Vec<String>) {
    let mut node = store.node(&[
        ("IP_PRIVACY", privacy),
        ("LOG_BATCH_INTERVAL_MS", interval),
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
        ("LOG_LEVEL", "debug"),
    ]);
    used(&mut node, interval == "50").await;
    let running = store.find(&node, &canaries());
    node.stop().await;
    (running, store.find(&node, &canaries()))
}

/// Long enough for everything to be in the spool still.
const NEVER: &str = "60000";

#[tokio::test(flavor = "multi_thread")]
async fn no_whole_address_is_in_the_spool_the_store_the_log_or_the_live_feed() {
    let (control, _) = found(&Store::Embedded, "off", NEVER).await;
    for Canary { name, .. } in canaries() {
        for place in ["spool", "told"] {
            let is_there = |found: &String| found.starts_with(&name) && found.contains(place);
            assert!(control.iter().any(is_there), "the search finds {name} in {place}: {control:?}");
        }
    }
    let [embedded, postgres] = Store::each();
    for (store, privacy, interval) in
        [(&embedded, "truncate", NEVER), (&embedded, "hash", "50"), (&postgres, "hash", "50")]
    {
        assert_eq!(found(store, privacy, interval).await, (Vec::new(), Vec::new()), "{privacy}");
    }
}
