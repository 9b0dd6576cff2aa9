//! The cache of a real server: fresh after every stored event, warmed at the start, by schedule and by
//! hand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod instances;
mod shared;
#[path = "../support/mod.rs"]
mod support;

use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Account, Node, until};

const PATIENCE: Duration = Duration::from_secs(20);

async fn get(node: &Node, path: &str) -> Value {
    let request = node.http.get(node.at(path)).header("x-api-key", node.admin_key());
    request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
}

async fn stat(node: &Node, field: &str) -> u64 {
    get(node, "/api/cache/stats").await[field].as_u64().unwrap()
}

/// Runs the program beside the server.
fn prewarm(node: &Node) -> Output {
    node.command().arg("prewarm").output().unwrap()
}

/// Records an event of two days ago, and waits until it is stored.
async fn record_late(node: &Node, account: &Account) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48);
    let event = json!({
        "endpoint": "/late", "method": "GET", "statusCode": 200, "timestamp": at.to_string(),
    });
    let answer = node.post(&account.key).header("prefer", "wait=10").json(&event).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    at.to_string()[..10].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_waited_for_an_event_finds_it_in_a_cached_day() {
    let mut node =
        Node::started(&[("LOG_BATCH_INTERVAL_MS", "50"), ("CACHE_PREWARM_ENABLED", "false")]).await;
    let account = node.register("ada", "client").await;
    for count in 1..6 {
        let day = record_late(&node, &account).await;
        let path = format!("/api/usage/daily?from={day}&to={day}");
        let before = stat(&node, "hits").await;
        for _ in 0..2 {
            assert_eq!(get(&node, &path).await["data"][0]["requestCount"], count);
        }
        assert_eq!(stat(&node, "hits").await - before, 1, "the second one is from the cache");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_warmed_at_the_start_and_by_hand() {
    let mut node = Node::started(&[]).await;
    until("a warm cache", PATIENCE, async || (stat(&node, "entries").await == 7).then_some(())).await;
    let output = prewarm(&node);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.starts_with("0 warmed, 7 skipped, 0 failed in "), "{output:?}");
    node.stop().await;
    let output = prewarm(&node);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("no server is running on "), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_not_taken_for_a_running_one() {
    let mut node = Node::started(&[]).await;
    node.kill();
    assert!(node.path("data/server.url").exists(), "it left its address behind");
    let output = prewarm(&node);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("no server is running on "), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_warmed_by_schedule() {
    let settings = [
        ("CACHE_PREWARM_ENABLED", "false"),
        ("CACHE_PREWARM_CRON_ENABLED", "true"),
        ("CACHE_PREWARM_CRON", "* * * * * *"),
    ];
    let mut node = Node::started(&settings).await;
    let run = async || get(&node, "/api/cache/stats").await["lastPrewarm"]["at"].as_str().map(str::to_owned);
    let first = until("a first run", PATIENCE, run).await;
    until("another run", PATIENCE, async || (run().await? != first).then_some(())).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_times_to_live_there_is_nothing_to_warm() {
    let settings = [("CACHE_TTL_USAGE_DAILY", "0"), ("CACHE_TTL_USAGE_TOP", "0")];
    let mut node = Node::started(&settings).await;
    let output = prewarm(&node);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.starts_with("0 warmed, "), "{output:?}");
    assert_eq!(stat(&node, "entries").await, 0);
    node.stop().await;
}

#[test]
fn a_schedule_that_is_none_refuses_the_start_by_name() {
    let node = Node::new(&[("CACHE_PREWARM_CRON", "every now and then")]);
    let output = node.command().output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{output:?}");
    let expected = "CACHE_PREWARM_CRON = \"every now and then\" (from environment) must be a cron expression";
    assert!(text.contains(expected), "{text}");
}
