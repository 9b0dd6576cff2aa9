//! A caller that never calls the same path twice. `RANDOM_URLS` says how many; the suite is content with few.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Account, Database, Node, Random};

const FEW: u64 = 20_000;
const BATCH: u64 = 5_000;
/// Names of endpoints in these tests, for each client and day.
const NAMES: u64 = 100;
/// What memory may grow by, in bytes, from the first half of the calls to the end.
const GROWTH: u64 = 20_000_000;

/// Words of letters: what looks like an id would be `{id}` whatever it is.
fn path(random: &mut Random) -> String {
    let letter = |random: &mut Random| char::from(b'g' + u8::try_from(random.below(20)).unwrap());
    format!("/{}", (0..12).map(|_| letter(random)).collect::<String>())
}

async fn record(node: &Node, account: &Account, random: &mut Random, count: u64) {
    let event = |random: &mut Random| json!({ "endpoint": path(random), "method": "GET", "statusCode": 404 });
    let events: Vec<Value> = (0..count).map(|_| event(random)).collect();
    let answer = node.post(&account.key).header("prefer", "wait=10").json(&events).send().await.unwrap();
    assert!([StatusCode::CREATED, StatusCode::ACCEPTED].contains(&answer.status()), "{}", answer.status());
}

/// Named endpoints, calls of them, and calls of all others.
async fn counted(node: &Node, key: &str) -> (u64, u64, u64) {
    let request = node.http.get(node.at("/api/usage/endpoints?limit=1000")).header("x-api-key", key);
    let usage: Value = request.send().await.unwrap().json().await.unwrap();
    let (mut names, mut calls_of_names, mut others) = (0, 0, 0);
    for row in usage["data"].as_array().unwrap() {
        let calls = row["requestCount"].as_u64().unwrap();
        if row["endpoint"] == "(other)" {
            others += calls;
        } else {
            names += 1;
            calls_of_names += calls;
        }
    }
    (names, calls_of_names, others)
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_paths_have_few_names_and_memory_stays_flat() {
    let count = std::env::var("RANDOM_URLS").ok().map_or(FEW, |count| count.parse().unwrap());
    let settings = [
        ("MAX_ENDPOINTS", "100"),
        ("MIMALLOC_PURGE_DELAY", "0"),
        ("MIMALLOC_ALLOW_THP", "0"),
        ("LOG_BATCH_INTERVAL_MS", "50"),
    ];
    let mut node = Node::started(&settings).await;
    let account = node.register("ada", "client").await;
    let mut random = Random(7);
    let mut half = 0;
    for batch in 0..count / BATCH {
        record(&node, &account, &mut random, BATCH).await;
        if batch + 1 == count / BATCH / 2 {
            half = node.memory("VmRSS");
        }
    }
    // Once more, and stored for certain, so that the last answers are complete.
    record(&node, &account, &mut random, 1).await;
    let end = node.memory("VmRSS");
    assert!(end < half + GROWTH, "{half} bytes after half of {count} calls, {end} at the end");
    for key in [&account.key, &node.admin_key()] {
        let (names, calls_of_names, others) = counted(&node, key).await;
        // A path may come twice by chance, and midnight may pass.
        assert!((NAMES..=2 * NAMES).contains(&names), "{names} names");
        assert_eq!(calls_of_names + others, count / BATCH * BATCH + 1);
    }
    node.stop().await;
    let kept = Database::of(&node).count("endpoint");
    assert!((1..=i64::try_from(2 * NAMES).unwrap()).contains(&kept), "{kept} endpoints are kept");
    println!("{count} paths: {half} bytes resident after half, {end} at the end; {kept} endpoints kept");
}
