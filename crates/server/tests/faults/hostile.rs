//! Bodies that are meant to hurt: each is refused, and none of them costs the server more memory than
//! the largest honest one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Account, Event, Node, Random, until};

const MIB: usize = 1 << 20;
/// What the largest body may take, in bytes: itself, and what a parser makes of it.
const MOST: u64 = 20_000_000;
/// What a connection may take whose body is not kept: its buffers, and a decoder.
const CONNECTION: u64 = 768 << 10;

/// The allocator keeps what was freed for later, and the kernel rounds up to huge pages. Asked not to, the
/// server's resident memory is what it has in use.
const EXACT: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ALLOW_THP", "0")];

type Pack = fn(&[u8]) -> Vec<u8>;
const PACKERS: [(&str, Pack); 3] =
    [("identity", <[u8]>::to_vec), ("gzip", gzip), ("zstd", |body| zstd::encode_all(body, 1).unwrap())];

/// A body, what it says it is, and the answer that it deserves.
struct Hostile {
    name: &'static str,
    media: &'static str,
    encoding: &'static str,
    body: Vec<u8>,
    status: u16,
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::Write::write_all(&mut encoder, body).unwrap();
    encoder.finish().unwrap()
}

/// Text that does not pack well.
fn noise(length: usize) -> String {
    let mut random = Random(41);
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        write!(text, "{:016x}", random.below(u64::MAX)).unwrap();
    }
    text.truncate(length);
    text
}

fn array(item: &str, count: usize) -> String {
    format!("[{}]", vec![item; count].join(","))
}

fn bodies() -> Vec<Hostile> {
    const JSON: &str = "application/json";
    const LINES: &str = "application/x-ndjson";
    let plain = |name, media, body: String, status| Hostile {
        name,
        media,
        encoding: "identity",
        body: body.into_bytes(),
        status,
    };
    let packed = |name, encoding, body, status| Hostile { name, media: JSON, encoding, body, status };
    let blanks = vec![b' '; 100 * MIB];
    let million = format!("[{}0]", "0,".repeat(1_000_000));
    let junk = array(&format!("\"{}\"", noise(1_000)), 10_000);
    let tree = |length: usize| format!("{{\"requestBody\":{}}}", array("{\"\":[0]}", length / 9));
    let metadata = format!(
        "{{\"endpoint\":\"/a\",\"method\":\"GET\",\"statusCode\":200,\"metadata\":{{\"a\":{}}}}}",
        array("{\"\":[0]}", 7_000)
    );
    let escapes = format!("{{\"endpoint\":\"{}\"}}", "\\n".repeat(500_000));
    vec![
        packed("a bomb of gzip", "gzip", gzip(&blanks), 413),
        packed("a bomb of zstd", "zstd", zstd::encode_all(&blanks[..], 1).unwrap(), 413),
        packed("a bomb of zstd with a wide window", "zstd", zstd::encode_all(&blanks[..], 19).unwrap(), 413),
        packed("a packed array of a million items", "gzip", gzip(million.as_bytes()), 413),
        packed("ten packed megabytes of junk", "gzip", gzip(junk.as_bytes()), 422),
        packed("ten megabytes of junk by zstd", "zstd", zstd::encode_all(junk.as_bytes(), 19).unwrap(), 422),
        plain("a million items", JSON, million, 413),
        plain("ten megabytes of brackets", JSON, "[".repeat(10 * MIB), 400),
        plain(
            "ten thousand levels",
            JSON,
            array(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), 9),
            422,
        ),
        plain("ten megabytes of junk", JSON, junk, 422),
        plain("ten megabytes of lines", LINES, vec![noise(1_000); 10_000].join("\n"), 422),
        plain("ten megabytes of short lines", LINES, "0\n".repeat(5 * MIB), 413),
        plain("ten megabytes in one line", LINES, noise(10 * MIB), 422),
        plain("ten megabytes in one event", JSON, tree(10 * MIB - 100), 422),
        plain("a megabyte in each event", JSON, array(&tree(MIB - 100), 9), 422),
        plain("trees for metadata", JSON, array(&metadata, 150), 422),
        plain("escapes", JSON, array(&escapes, 9), 422),
        plain("long names", JSON, array(&format!("{{\"{}\":1}}", noise(1_000)), 9_900), 422),
        plain("eleven megabytes", JSON, " ".repeat(11 * MIB), 413),
    ]
}

/// What the server's memory peaked at, over a level, while something was done.
async fn peak_over(level: u64, node: &Node, doing: impl Future) -> u64 {
    // Makes the peak what is there now.
    fs::write(format!("/proc/{}/clear_refs", node.pid()), "5").unwrap();
    doing.await;
    node.memory("VmHWM").saturating_sub(level)
}

async fn send(node: &Node, account: &Account, hostile: &Hostile) -> StatusCode {
    let request = node.post(&account.key).header("content-type", hostile.media);
    let request = request.header("content-encoding", hostile.encoding).body(hostile.body.clone());
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(media, "application/problem+json", "{}", hostile.name);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    status
}

/// A server that has done what servers do, and what it then holds.
async fn warm(node: &Node, account: &Account) -> u64 {
    let mut random = Random(3);
    // Workers take connections in turn.
    for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
        for (encoding, pack) in PACKERS {
            let events = Event::several(100, account, &mut random);
            let events: Vec<Value> = events.iter().map(Event::json).collect();
            let another = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = another.post(node.at("/api/logs")).header("x-api-key", &account.key);
            let request = request.header("content-type", "application/json").header("prefer", "wait=10");
            let body = pack(json!(events).to_string().as_bytes());
            let answer = request.header("content-encoding", encoding).body(body).send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.status());
        }
    }
    node.daily("days=7").await;
    node.memory("VmRSS")
}

async fn stored(node: &Node) -> u64 {
    node.daily("days=7").await.values().map(|day| day.requests).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_body_costs_little_memory_and_no_event() {
    let mut node = Node::started(&EXACT).await;
    let account = node.register("ada", "client").await;
    let level = warm(&node, &account).await;
    let events = stored(&node).await;
    for hostile in bodies() {
        let sending = async {
            let status = send(&node, &account, &hostile).await;
            assert_eq!(status.as_u16(), hostile.status, "{}", hostile.name);
        };
        let peak = peak_over(level, &node, sending).await;
        assert!(peak < MOST, "{} took {peak} bytes", hostile.name);
    }
    assert_eq!(stored(&node).await, events);
    node.stop().await;
}

/// A good event with such bodies for its audit trail.
fn with_bodies(account: &Account, random: &mut Random, tree: &Value) -> Value {
    let mut event = Event::new(account, random).json();
    event["requestBody"] = tree.clone();
    event["responseBody"] = tree.clone();
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_trails_cost_little_memory_to_keep_and_to_read() {
    let settings = [EXACT[0], EXACT[1], ("AUDIT_CAPTURE", "full"), ("LOG_BATCH_INTERVAL_MS", "20")];
    let mut node = Node::started(&settings).await;
    let account = node.register("ada", "client").await;
    let level = warm(&node, &account).await;
    let before = stored(&node).await;
    let mut random = Random(11);
    let trees = |count: usize| Value::Array(vec![json!({ "": 0 }); count]);

    // A megabyte of trees in each event, of which a hundredth is kept ...
    let wide: Vec<Value> = (0..9).map(|_| with_bodies(&account, &mut random, &trees(60_000))).collect();
    // ... and many events of which all is.
    let many: Vec<Value> = (0..250).map(|_| with_bodies(&account, &mut random, &trees(1_000))).collect();
    for events in [&wide, &many] {
        let request = node.post(&account.key).header("content-type", "application/json");
        let request = request.body(json!(events).to_string());
        let sending = async {
            assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
        };
        let peak = peak_over(level, &node, sending).await;
        assert!(peak < 2 * MOST, "{} events took {peak} bytes", events.len());
    }
    until("all are stored", Duration::from_secs(20), async || {
        (stored(&node).await == before + 259).then_some(())
    })
    .await;

    let reading = async {
        let request =
            node.http.get(node.at("/api/logs?audit=true&limit=1000")).header("x-api-key", &account.key);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let page: Value = answer.json().await.unwrap();
        let rows = page["data"].as_array().unwrap();
        assert!(rows.iter().any(|row| row["audit"]["requestBody"] == trees(1_000)));
    };
    let peak = peak_over(level, &node, reading).await;
    assert!(peak < 2 * MOST, "reading took {peak} bytes");
    node.stop().await;
}

/// Sends a body for each of these accounts, all at once. Returns the answers by status; 0 where the
/// connection was closed instead, as may be when the machine is too busy to hear a body out.
async fn flood(
    node: &Node,
    encoding: &str,
    body: &Bytes,
    accounts: impl Iterator<Item = &Account>,
) -> BTreeMap<u16, usize> {
    let mut sending = JoinSet::new();
    for account in accounts {
        let request = node.post(&account.key).header("content-type", "application/json");
        let request = request.header("content-encoding", encoding).body(body.clone());
        sending.spawn(async move { request.send().await.map_or(0, |answer| answer.status().as_u16()) });
    }
    let mut answers = BTreeMap::new();
    for status in sending.join_all().await {
        *answers.entry(status).or_default() += 1;
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_large_bodies_is_held_off() {
    let mut node = Node::started(&EXACT).await;
    let mut accounts = Vec::new();
    for number in 0..12 {
        accounts.push(node.register(&format!("c{number}"), "client").await);
    }
    let level = warm(&node, &accounts[0]).await;

    // One caller has room for one of them at a time, however it is packed ...
    let junk = Bytes::from(array(&format!("\"{}\"", noise(1_000)), 10_000));
    let bombs = PACKERS.map(|(encoding, pack)| match encoding {
        "identity" => (encoding, junk.clone()),
        _ => (encoding, Bytes::from(pack(&vec![b' '; 100 * MIB]))),
    });
    let mut answers = BTreeMap::new();
    for (encoding, body) in &bombs {
        let one = std::iter::repeat_n(&accounts[0], 60);
        let level = node.memory("VmRSS");
        let by_one = async { answers = flood(&node, encoding, body, one).await };
        let peak = peak_over(level, &node, by_one).await;
        assert!(peak < MOST + 60 * CONNECTION, "{peak} bytes for {answers:?} by {encoding}");
        assert!(answers.keys().all(|status| [0, 413, 422, 429].contains(status)), "{answers:?}");
        // All at once may stand in each other's way; one alone is read to where it is refused.
        let alone = flood(&node, encoding, body, std::iter::once(&accounts[0])).await;
        assert!(
            alone.keys().all(|status| [413, 422].contains(status)),
            "one is read: {alone:?} by {encoding}"
        );
    }

    // ... and all callers together for six.
    let by_all = async { answers = flood(&node, "identity", &junk, accounts.iter().cycle().take(100)).await };
    let peak = peak_over(level, &node, by_all).await;
    assert!(peak < 64 * MIB as u64 + MOST + 100 * CONNECTION, "{peak} bytes for {answers:?}");
    assert!(answers.keys().all(|status| [0, 422, 429, 503].contains(status)), "{answers:?}");

    let small = node.post(&accounts[0].key).json(&Event::new(&accounts[0], &mut Random(9)).json());
    assert_eq!(small.send().await.unwrap().status(), StatusCode::ACCEPTED);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_at_the_ends_of_every_range_are_answered() {
    let mut node = Node::started(&[]).await;
    let account = node.register("ada", "client").await;
    node.record(&account.key, &Event::several(10, &account, &mut Random(5)), true).await;
    let most = u64::MAX;
    let paths = [
        "daily?days=3660".to_owned(),
        "daily?from=9999-12-31&to=9999-12-31".to_owned(),
        "daily?from=9999-12-31&to=9999-12-31&timezone=Pacific/Kiritimati".to_owned(),
        "daily?from=9999-12-30&to=9999-12-31&timezone=Etc/GMT%2B12".to_owned(),
        "daily?from=0000-01-01&to=0000-01-02&timezone=Asia/Kathmandu".to_owned(),
        "daily?from=1969-12-31&to=1970-01-01&timezone=America/Los_Angeles".to_owned(),
        format!("daily?cursor=9999-12-31~{most}~x"),
        format!("daily?cursor=0000-01-01~{}~x", i64::MAX),
        "daily?cursor=2026-01-01~0~".to_owned(),
        "top?hours=8784&limit=1000".to_owned(),
        "top?from=1970-01-01T00:00:00Z&to=9999-12-30T22:00:00Z".to_owned(),
        "top?from=9999-12-30T21:59:59.999999Z&to=9999-12-30T22:00:00Z".to_owned(),
    ];
    for path in paths {
        let request = node.http.get(node.at(&format!("/api/usage/{path}")));
        let answer = request.header("x-api-key", node.admin_key()).send().await.unwrap();
        assert!([200, 422].contains(&answer.status().as_u16()), "{} for {path}", answer.status());
    }
    assert!(!node.log().contains("panicked"), "{}", node.log());
    node.stop().await;
}
