//! Logs made from a seed, with the oddities of real ones.

use std::fs;
use std::io::Write;

use activity_access_log::sample::{self, Log, Options};
use flate2::write::GzEncoder;
use serde_json::json;

use crate::support::Node;
use crate::truth::{Call, recount, reported};
use crate::{counted, import};

const RANGE: (&str, &str) = ("2025-12-30", "2026-01-05");
const ZONES: [&str; 4] = ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Apia"];

fn log(seed: u64) -> Log {
    let options = Options {
        seed,
        lines: 3_000,
        seconds: 3 * 86_400,
        clients: 200,
        durations: true,
        ..Options::default()
    };
    sample::log(&options)
}

fn calls(log: &Log) -> Vec<Call> {
    let calls = log.truth.iter().map(|line| Call {
        client: line.ip.to_string(),
        seconds: line.at.as_micros() / 1_000_000,
        status: line.status,
    });
    calls.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_count_as_a_recount_does_and_a_second_run_changes_nothing() {
    let mut node = Node::new(&[]);
    let (one, two) = (log(1), log(2));
    let (plain, zipped) = (node.path("one.log"), node.path("two.log.gz"));
    fs::write(&plain, &one.text).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&two.text).unwrap();
    fs::write(&zipped, gzip.finish().unwrap()).unwrap();

    let good = (one.truth.len() + two.truth.len()) as u64;
    let first = import(&node, "ip", &[&plain, &zipped]);
    assert_eq!((counted(&first, "stored"), counted(&first, "rejected")), (good, one.bad + two.bad));
    let rejects = fs::read_to_string(node.path("import.rejects")).unwrap();
    assert_eq!(rejects.lines().count() as u64, one.bad + two.bad);
    let second = import(&node, "ip", &[&plain, &zipped]);
    assert_eq!((counted(&second, "stored"), counted(&second, "duplicates")), (0, good));
    assert_eq!(counted(&second, "new clients"), 0);

    node.start().await;
    let all = [calls(&one), calls(&two)].concat();
    for zone in ZONES {
        assert_eq!(reported(&node, RANGE, zone).await, recount(&all, zone), "{zone}");
    }
    // Through the server that now has the data: the same again changes nothing either.
    let third = import(&node, "ip", &[&plain, &zipped]);
    assert_eq!(counted(&third, "handed over"), good);
    let said = String::from_utf8_lossy(&third.stdout).into_owned();
    let pages = node.at("/app/traffic?from=");
    assert!(said.contains(&pages), "where the calls are to be seen, {pages}, in: {said}");
    node.stop().await;
    node.start().await;
    assert_eq!(reported(&node, RANGE, "UTC").await, recount(&all, "UTC"));
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_server_or_posted_as_events_the_numbers_are_the_same() {
    let log = log(3);
    let through = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let file = through.path("log");
    fs::write(&file, &log.text).unwrap();
    let handed = import(&through, "ip", &[&file]);
    assert_eq!(counted(&handed, "handed over"), log.truth.len() as u64);

    let posted = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let service = posted.register("gateway", "service").await;
    let mut clients = std::collections::BTreeMap::new();
    for line in &log.truth {
        let ip = line.ip.to_string();
        if !clients.contains_key(&ip) {
            let body = json!({ "name": ip, "email": format!("c{}@example.org", clients.len()) });
            let request =
                posted.http.post(posted.at("/api/register")).header("x-api-key", posted.admin_key());
            let answer: serde_json::Value = request.json(&body).send().await.unwrap().json().await.unwrap();
            clients.insert(ip, answer["clientId"].clone());
        }
    }
    let events: Vec<_> = log.truth.iter().map(|line| {
        json!({
            "clientId": clients[&line.ip.to_string()], "timestamp": line.at.to_string(), "endpoint": line.path,
            "method": line.method, "statusCode": line.status,
        })
    }).collect();
    let request = posted.http.post(posted.at("/api/logs")).header("x-api-key", &service.key);
    let answer = request.header("prefer", "wait=10").json(&events).send().await.unwrap();
    assert_eq!(answer.status(), 201);

    let truth = recount(&calls(&log), "UTC");
    assert_eq!(reported(&posted, RANGE, "UTC").await, truth);
    let drained = crate::support::until("a drained import", std::time::Duration::from_secs(20), async || {
        let table = reported(&through, RANGE, "UTC").await;
        (table == truth).then_some(table)
    });
    drained.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_or_the_users_of_the_log() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let ada = node.register("ada", "client").await;
    let unknown = import(&node, "CL-nobody", &[&node.path("missing.log")]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("CL-nobody"));
    let file = node.path("users.log");
    let line = |user: &str, second: u32| {
        format!("192.0.2.1 - {user} [05/Jan/2026:10:00:{second:02} +0100] \"GET /a HTTP/1.1\" 200 1\n")
    };
    fs::write(&file, [line("bob", 1), line("-", 2), line("bob", 3)].concat()).unwrap();
    node.stop().await;
    assert_eq!(counted(&import(&node, &ada.id, &[&file]), "stored"), 3);
    assert_eq!(counted(&import(&node, "user", &[&file]), "stored"), 3);
    node.start().await;
    let table = reported(&node, RANGE, "UTC").await;
    let requests = |name: &str| table[&("2026-01-05".to_owned(), name.to_owned())].0;
    assert_eq!((requests("ada"), requests("bob"), requests("(anonymous)")), (3, 2, 1));
    let missing = import(&node, "ip", &[&node.path("missing.log")]);
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing.log"));
}
