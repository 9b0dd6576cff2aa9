//! Several servers on one database: what one of them stores late shows on the others within a second, whatever they
//! have in their caches.

use std::time::{Duration, Instant};

use activity_testkit::{Address, Database};
use serde_json::{Value, json};

use crate::support::{Account, Node, until};
use crate::{PATIENCE, get, stat};

/// Within this after a commit, every answer has what was committed.
const HEARD: Duration = Duration::from_secs(1);
const ADMIN_KEY: &str = "9d04be17a2c65f38e1b7440c5a90d2f6";
const ENCRYPTION_KEY: &str = "1b5c9fe27d3a460882c4d9e05f617ab3c8240ed9715b6fa3e8079c1d42b6e50f";
const JWT_SECRET: &str = "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5";

/// A server that is ready.
pub async fn started(address: &Address, more: &[(&'static str, &str)]) -> Node {
    let url = address.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("JWT_SECRET", JWT_SECRET),
        ("ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("LOG_BATCH_INTERVAL_MS", "50"),
        ("CACHE_PREWARM_ENABLED", "false"),
    ];
    Node::started(&[&settings[..], more].concat()).await
}

/// The day that events are late for.
pub fn late_day() -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72)).to_string()[..10].to_owned()
}

pub fn event(day: &str) -> Value {
    json!({ "endpoint": "/late", "method": "GET", "statusCode": 200, "timestamp": format!("{day}T12:00:00Z") })
}

/// Records an event, and returns when it is stored.
pub async fn record(node: &Node, account: &Account, day: &str) -> Instant {
    let request = node.post(&account.key).header("prefer", "wait=10").json(&event(day));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    Instant::now()
}

pub async fn count(node: &Node, day: &str) -> u64 {
    let answer = get(node, &format!("/api/usage/daily?from={day}&to={day}")).await;
    answer["data"][0]["requestCount"].as_u64().unwrap_or(0)
}

/// Has a server answer from its cache.
pub async fn warm(node: &Node, day: &str, expected: u64) {
    until("an answer from the cache", PATIENCE, async || {
        let before = stat(node, "hits").await;
        assert_eq!(count(node, day).await, expected);
        (stat(node, "hits").await > before).then_some(())
    })
    .await;
}

/// Asks until an answer has all that was stored. No question that is put a second after that gets less.
pub async fn shows(node: &Node, day: &str, expected: u64, stored: Instant) {
    loop {
        let age = stored.elapsed();
        let found = count(node, day).await;
        assert!(found <= expected);
        if found == expected {
            return;
        }
        assert!(age < HEARD, "{found} of {expected} were told {age:?} after they were stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_stores_late_shows_on_the_others_within_a_second() {
    let database = Database::empty();
    let nodes = [started(database.address(), &[]).await, started(database.address(), &[]).await];
    let ada = nodes[0].register("ada", "client").await;
    let day = late_day();
    for number in 1..8u64 {
        let [one, other] = if number % 2 == 0 { [&nodes[0], &nodes[1]] } else { [&nodes[1], &nodes[0]] };
        for node in &nodes {
            warm(node, &day, number - 1).await;
        }
        let stored = record(one, &ada, &day).await;
        assert_eq!(count(one, &day).await, number, "who stored it knows at once");
        shows(other, &day, number, stored).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_after_its_commit_has_told_the_others() {
    let database = Database::empty();
    let mut killed = started(database.address(), &[]).await;
    let other = started(database.address(), &[]).await;
    let ada = killed.register("ada", "client").await;
    let day = late_day();
    for number in 1..4u64 {
        warm(&other, &day, number - 1).await;
        let answer = killed.post(&ada.key).json(&event(&day)).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let rows =
            async || (database.sql("SELECT count(*) FROM activity") == number.to_string()).then_some(());
        until("the commit", PATIENCE, rows).await;
        let stored = Instant::now();
        killed.kill();
        shows(&other, &day, number, stored).await;
        killed.start().await;
    }
}

/// Whoever cannot hear of what comes late does not answer from its cache.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_database_trusts_nothing_that_it_has() {
    let database = Database::empty();
    let proxy = activity_testkit::Proxy::to_port(database.address().port);
    let cut_off = started(&database.address().at(proxy.port()), &[]).await;
    let other = started(database.address(), &[]).await;
    let ada = other.register("ada", "client").await;
    let day = late_day();
    let mut stored = record(&other, &ada, &day).await;
    for number in 2..4u64 {
        shows(&cut_off, &day, number - 1, stored).await;
        warm(&cut_off, &day, number - 1).await;
        proxy.stall();
        stored = record(&other, &ada, &day).await;
        until("the end of trust", PATIENCE, async || {
            let asked = stored.elapsed();
            let is_old = answers(&cut_off, &day).await;
            assert!(!is_old || asked < HEARD, "an old answer {asked:?} after it was stored");
            (!is_old).then_some(())
        })
        .await;
        proxy.heal();
        until("the database", PATIENCE, async || answers(&cut_off, &day).await.then_some(())).await;
    }
}

/// Whether there is an answer, in good time.
async fn answers(node: &Node, day: &str) -> bool {
    let path = format!("/api/usage/daily?from={day}&to={day}");
    let request = node.http.get(node.at(&path)).header("x-api-key", ADMIN_KEY);
    let answer = request.timeout(Duration::from_secs(2)).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
