//! What an alert would look at when Redis is away; and that there is a line about every number, and a number to
//! every line.

#![allow(clippy::float_cmp, reason = "whole numbers are exact")]

use std::collections::BTreeSet;
use std::fs;

use activity_testkit::{Database, Redis};

use crate::support::{Metrics, Node};
use crate::{BACK, LONG, says, started, two};

fn mode(metrics: &Metrics, name: &str) -> bool {
    metrics.get(&format!("activity_limit_mode{{mode=\"{name}\"}}")) == 1.0
}

fn up(metrics: &Metrics, link: &str) -> bool {
    metrics.get(&format!("activity_redis_up{{link=\"{link}\"}}")) == 1.0
}

async fn spend(node: &Node, key: &str) {
    let asked = node.http.get(node.at("/api/usage/daily?days=7")).header("x-api-key", key).send().await;
    assert!(asked.unwrap().status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_down_on_every_connection_and_limits_are_shares() {
    let (database, redis) = (Database::empty(), Redis::start());
    let url = redis.url();
    let node = started(database.address(), &[("REDIS_URL", &url)]).await;
    let account = node.register("ada", "client").await;
    let links = ["limits", "cache", "feed"];
    let is_up = |metrics: &Metrics| links.iter().all(|link| up(metrics, link)) && mode(metrics, "exact");
    node.shows("Redis", LONG, is_up).await;
    for _ in 0..3 {
        spend(&node, &account.key).await;
    }
    let metrics = node.metrics().await;
    assert!(metrics.get("activity_limit_decided_total{by=\"redis\"}") >= 3.0);
    assert_eq!(metrics.get("activity_limit_decisions_total{quota=\"reads\",verdict=\"allowed\"}"), 3.0);
    assert!(metrics.sum("activity_cache_misses_total") >= 2.0, "both levels: {:?}", metrics.samples);
    let lost: f64 = metrics.sum("activity_redis_losses_total");

    redis.freeze();
    let is_down = |metrics: &Metrics| links.iter().all(|link| !up(metrics, link)) && mode(metrics, "share");
    let metrics = node.shows("the loss", LONG, is_down).await;
    assert!(metrics.sum("activity_redis_losses_total") >= lost + 3.0);
    let alone = "activity_limit_decided_total{by=\"alone\"}";
    let before = metrics.get(alone);
    spend(&node, &account.key).await;
    assert_eq!(node.metrics().await.get(alone), before + 1.0);
    redis.thaw();
    node.shows("Redis", LONG, is_up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_know_of_each_other() {
    let (database, redis) = (Database::empty(), Redis::start());
    for node in &two(database.address(), &redis).await {
        says(node, BACK).await;
        node.shows("both", LONG, |metrics| metrics.get("activity_limit_instances") == 2.0).await;
    }
}

/// All names of ours in a text, without what stands behind them in a histogram.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("activity_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// A file at the top of the repository.
fn file(name: &str) -> String {
    fs::read_to_string(format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn docs_and_alerts_name_what_there_is() {
    let (database, redis) = (Database::empty(), Redis::start());
    let url = redis.url();
    // Nobody listens there; there are traces all the same.
    let settings = [("REDIS_URL", url.as_str()), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let node = started(database.address(), &settings).await;
    let there: BTreeSet<String> = node.metrics().await.families.into_keys().collect();
    // The first column of tables.
    let docs = file("docs/metrics.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<String> =
        rows.filter(|name| names(name).len() == 1).map(str::to_owned).collect();
    assert_eq!(documented, there, "docs/metrics.md and /metrics");
    let alerts = file("deploy/prometheus/alerts.yml");
    let is_known = |name: &String| {
        let ends = ["_bucket", "_sum", "_count"];
        there.contains(name)
            || ends.iter().any(|end| name.strip_suffix(end).is_some_and(|name| there.contains(name)))
    };
    let unknown: Vec<String> = names(&alerts).into_iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?} in alerts.yml");
    // And each alert is explained.
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(docs.contains(&format!("`{alert}`")), "{alert} in docs/metrics.md");
    }
}
