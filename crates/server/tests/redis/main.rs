//! Two servers that share limits by Redis, and what becomes of those when Redis does not answer.

#![allow(clippy::print_stdout, reason = "figures of the fault table")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod clocks;
mod hammer;
mod metrics;
mod outage;
#[path = "../postgres/rows.rs"]
mod rows;
mod sharing;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod watched;

use std::time::Duration;

use activity_testkit::{Address, Redis};
use serde_json::{Value, json};
use support::{Account, Node, until};

/// Far more than anything here needs.
const LONG: Duration = Duration::from_secs(40);
const ADMIN_KEY: &str = "9d04be17a2c65f38e1b7440c5a90d2f6";
const ENCRYPTION_KEY: &str = "1b5c9fe27d3a460882c4d9e05f617ab3c8240ed9715b6fa3e8079c1d42b6e50f";
const JWT_SECRET: &str = "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5";

const LOST: &str = "is lost for";
const BACK: &str = "answers; 2 instances share limits";

/// A server on a database, with further settings; ready.
async fn started(database: &Address, more: &[(&'static str, &str)]) -> Node {
    let url = database.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("JWT_SECRET", JWT_SECRET),
        ("ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("LOG_BATCH_INTERVAL_MS", "50"),
        ("LOG_FORMAT", "json"),
    ];
    Node::started(&[&settings[..], more].concat()).await
}

/// Two servers that share limits, and know of each other.
async fn two(database: &Address, redis: &Redis) -> [Node; 2] {
    let url = redis.url();
    // A busy machine is no outage.
    let more =
        [("REDIS_URL", url.as_str()), ("REDIS_TIMEOUT_MS", "20000"), ("API_READ_RATE_LIMIT", "1000000000")];
    let nodes = [started(database, &more).await, started(database, &more).await];
    for node in &nodes {
        says(node, BACK).await;
    }
    nodes
}

/// Waits until /readyz, which stays good, says this about Redis.
async fn says(node: &Node, expected: &str) {
    until(expected, LONG, async || {
        let answer = node.http.get(node.at("/readyz")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let body: Value = answer.json().await.unwrap();
        let checks = body["checks"].as_array().unwrap().clone();
        let redis = checks.into_iter().find(|check| check["name"] == "redis").unwrap();
        let detail = redis["detail"].as_str().unwrap();
        assert_eq!(redis["ok"], detail.starts_with("answers;"), "{detail}");
        detail.contains(expected).then_some(())
    })
    .await;
}

/// A client that may record so many events an hour.
async fn limited(node: &Node, name: &str, limit: u32) -> Account {
    let account = node.register(name, "client").await;
    let change = node.http.patch(node.at(&format!("/api/clients/{}", account.id)));
    let change = change.header("x-api-key", node.admin_key()).json(&json!({ "rateLimit": limit }));
    assert_eq!(change.send().await.unwrap().status(), 200);
    account
}
