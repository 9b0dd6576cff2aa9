//! Every event is accounted for, in every scrape, whatever happens to the process.

#![allow(clippy::float_cmp, reason = "whole numbers are exact")]

use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::support::{Database, Event, Load, Metrics, Node, Random, until};

const LONG: Duration = Duration::from_secs(30);

fn drained(metrics: &Metrics, outcome: &str) -> f64 {
    metrics.get(&format!("activity_events_drained_total{{outcome=\"{outcome}\"}}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scrape_balances_under_load_and_after_kill_9() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20")]).await;
    let accounts = [node.register("ada", "client").await];
    let load = Load::start(&node, &accounts, 4, 31);
    for _ in 0..2 {
        let mut scrapes = 0;
        let metrics = node
            .shows("load", LONG, |metrics| {
                assert_eq!(metrics.unaccounted(), 0.0, "{:?}", metrics.samples);
                scrapes += 1;
                scrapes > 100 && drained(metrics, "stored") > 300.0
            })
            .await;
        for histogram in ["batch_events", "batch_duration_seconds", "lag_seconds"] {
            assert!(metrics.get(&format!("activity_drain_{histogram}_count")) > 0.0, "{histogram}");
        }
        node.kill();
        node.start().await;
    }
    load.finish().await;
    let metrics = node.shows("the end", LONG, |metrics| metrics.get("activity_events_pending") == 0.0).await;
    assert_eq!(metrics.unaccounted(), 0.0, "{:?}", metrics.samples);
    let last = node.stop().await;
    assert_eq!(last["stored"], drained(&metrics, "stored"), "the log says the same: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_is_counted_as_its_own() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20")]).await;
    let account = node.register("ada", "client").await;
    let mut random = Random(32);
    let events = Event::several(30, &account, &mut random);
    node.record(&account.key, &events[..10], true).await;
    let lock = Database::lock(&node);
    node.record(&account.key, &events[10..], false).await;
    node.record(&account.key, &events[..5], false).await;
    let metrics = node.metrics().await;
    assert_eq!(
        (metrics.get("activity_events_accepted_total"), metrics.get("activity_events_pending")),
        (35.0, 25.0)
    );
    until("it to grow old", LONG, async || {
        (node.metrics().await.get("activity_spool_oldest_waiting_seconds") > 0.5).then_some(())
    })
    .await;
    node.kill();
    drop(lock);
    node.start().await;
    let metrics = node.shows("the end", LONG, |metrics| metrics.get("activity_events_pending") == 0.0).await;
    let seen = ["activity_events_accepted_total", "activity_events_recovered"].map(|name| metrics.get(name));
    assert_eq!((seen, metrics.unaccounted()), ([0.0, 25.0], 0.0), "{:?}", metrics.samples);
    assert_eq!(["stored", "duplicate"].map(|outcome| drained(&metrics, outcome)), [20.0, 5.0]);
    assert_eq!(metrics.get("activity_spool_oldest_waiting_seconds"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_and_says_so() {
    let node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20"), ("SPOOL_MAX_BYTES", "16MiB")]).await;
    let account = node.register("ada", "client").await;
    let lock = Database::lock(&node);
    let event = json!({ "endpoint": "/things", "method": "GET", "statusCode": 200, "metadata": { "x": "y".repeat(2_000) } });
    let body = vec![event; 500];
    let refused = "activity_spool_refusals_total{reason=\"full\"}";
    until("a full spool", LONG, async || {
        let status = node.post(&account.key).json(&body).send().await.unwrap().status();
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    let metrics = node.metrics().await;
    assert!(metrics.get(refused) >= 1.0, "{:?}", metrics.samples);
    assert!(metrics.get("activity_spool_bytes") > 0.9 * metrics.get("activity_spool_max_bytes"));
    assert_eq!(metrics.unaccounted(), 0.0);
    node.shows("the store to be down", LONG, |metrics| metrics.get("activity_store_up") == 0.0).await;
    drop(lock);
    node.shows("the store to be up", LONG, |metrics| {
        metrics.get("activity_store_up") == 1.0 && metrics.get("activity_events_pending") == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_not_shown_numbers() {
    let token = "7d1be04429f6a3c85b0e9127fcd8a6345e";
    let node = Node::started(&[("METRICS_TOKEN", token)]).await;
    let ask = || node.http.get(node.at("/metrics"));
    assert_eq!(ask().send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(ask().bearer_auth(node.admin_key()).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let answer = ask().bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.unwrap();
    assert!(!text.contains(token));
    let metrics = Metrics::parse(&text);
    assert_eq!(metrics.get("activity_authentications_failed_total{reason=\"unknown\"}"), 2.0);
    assert!(
        metrics.get("process_resident_memory_bytes") > 1e6
            && metrics.get("process_start_time_seconds") > 1.7e9
    );
    let build =
        format!("activity_build_info{{version=\"{}\",commit=\"unknown\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(metrics.get(&build), 1.0, "{:?}", metrics.samples);
}

#[tokio::test(flavor = "multi_thread")]
async fn openmetrics_names_units_and_ends() {
    let node = Node::started(&[]).await;
    let ask =
        node.http.get(node.at("/metrics")).header("accept", "application/openmetrics-text;version=1.0.0");
    let text = ask.send().await.unwrap().text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for unit in ["seconds", "bytes"] {
        let families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let of_unit =
            families.iter().filter_map(|line| line.split(' ').next()).filter(|name| name.ends_with(unit));
        for name in of_unit {
            assert!(text.contains(&format!("# UNIT {name} {unit}\n")), "{name}");
        }
    }
    // As it stands in the other format, but for the names of counters.
    let metrics = node.metrics().await;
    for (name, kind) in &metrics.families {
        let name = name.strip_suffix("_total").unwrap_or(name);
        let name = name.strip_suffix("_info").unwrap_or(name);
        let is_there = text.contains(&format!("# TYPE {name} {kind}\n"))
            || text.contains(&format!("# TYPE {name} info\n"));
        assert!(is_there, "{name} {kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_as_many_open_files_as_it_may() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let maximum = maximum.or(current).unwrap();
    // Half of them are enough for whoever else is in this process.
    setrlimit(Resource::Nofile, Rlimit { current: Some(maximum / 2), maximum: Some(maximum) }).unwrap();
    let mut node = Node::started(&[]).await;
    assert_eq!(node.metrics().await.get("process_max_fds"), maximum as f64);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_counted_by_few_routes_whatever_is_asked_for() {
    let node = Node::started(&[]).await;
    let ask = async |path: String| node.http.get(node.at(&path)).send().await.unwrap().status();
    for path in ["/", "/app", "/app/live", "/assets/none.js"] {
        ask(path.to_owned()).await;
    }
    let routes = async || {
        let metrics = node.metrics().await;
        let counts =
            metrics.samples.iter().filter(|(name, _)| name.starts_with("activity_http_requests_total"));
        counts.map(|(name, count)| (name.clone(), *count)).collect::<Vec<_>>()
    };
    let before = routes().await;
    for number in 0..20 {
        for path in ["/app/", "/app/clients/CL-", "/assets/none-", "/nothing/"] {
            ask(format!("{path}{number}")).await;
        }
    }
    let after = routes().await;
    let count = |route: &str, status: u16| {
        let name =
            format!("activity_http_requests_total{{method=\"GET\",route=\"{route}\",status=\"{status}\"}}");
        after.iter().find(|(series, _)| *series == name).map_or(0.0, |(_, count)| *count)
    };
    assert_eq!(
        (count("/", 200), count("/app", 200), count("/app/{view}", 200)),
        (1.0, 1.0, 41.0),
        "{after:?}"
    );
    assert_eq!((count("/assets/{file}", 404), count("(unknown)", 404)), (21.0, 20.0), "{after:?}");
    // What is new is the scrape, and what is no route at all.
    assert!(after.len() <= before.len() + 2, "{before:?} {after:?}");
}
