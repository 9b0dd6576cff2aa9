//! Repeated, disordered, late and early events, and the days that they land on.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Event, Ledger, Node, Outcome, Random};
use crate::{OLD, RECENT, check};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_sent_three_times_in_any_order_and_encoding_counts_once() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let account = node.register("ada", "client").await;
    let mut random = Random(5);
    let mut events = Event::several(500, &account, &mut random);
    for encoding in ["identity", "gzip", "zstd"] {
        random.shuffle(&mut events);
        let lines: Vec<String> = events.iter().map(|event| event.json().to_string()).collect();
        let request = node.post(&account.key).header("content-type", "application/x-ndjson");
        let request = request.header("content-encoding", encoding).header("prefer", "wait=10");
        let answer = request.body(encode(encoding, lines.join("\n").as_bytes())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "{encoding}");
        assert_eq!(answer.json::<Value>().await.unwrap()["accepted"], 500, "{encoding}");
    }
    let total: u64 = node.daily("days=10").await.values().map(|count| count.requests).sum();
    assert_eq!(total, 500);
    let last = node.stop().await;
    assert_eq!((&last["stored"], &last["duplicate"]), (&500.into(), &1_000.into()), "{last}");
    let mut ledger = Ledger::default();
    ledger.note(events, Outcome::Ok);
    check(&node, &ledger, RECENT);
}

fn encode(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(bytes, 3).unwrap(),
        _ => bytes.to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_events_land_on_their_day_and_early_ones_are_refused() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let (client, service) = (node.register("ada", "client").await, node.register("gate", "service").await);
    let mut random = Random(6);
    let mut event = || Event::new(&client, &mut random);
    let mut ledger = Ledger::default();

    let (late, early, now) = (event().at("2015-06-15T23:59:59.999999Z"), event().tomorrow(), event());
    let answer = node.post(&client.key).json(&late.json()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "clients report recent events only");
    node.record(&service.key, std::slice::from_ref(&late), true).await;
    ledger.note([late], Outcome::Ok);

    let body = json!([early.json(), now.json()]);
    let answer = node.post(&service.key).header("prefer", "wait=10").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&1.into(), &0.into()));
    let detail = answer["rejected"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("timestamp") && detail.contains("5 minutes in the future"), "{detail}");
    ledger.note([early], Outcome::Refused);
    ledger.note([now], Outcome::Ok);

    let days = node.daily("from=2015-06-01&to=2015-06-30").await;
    let days: Vec<_> = days.iter().map(|((date, _), count)| (date.as_str(), count.requests)).collect();
    assert_eq!(days, [("2015-06-15", 1)]);
    node.stop().await;
    check(&node, &ledger, OLD);
}

/// Around the night in which New York's clocks go forward, at 07:00 UTC: an instant, and the day of
/// March 2026 that it is part of in UTC, New York and Kathmandu (UTC+5:45).
const INSTANTS: &[(&str, [u32; 3])] = &[
    ("2026-03-08T04:59:59.999999Z", [8, 7, 8]),
    ("2026-03-08T05:00:00Z", [8, 8, 8]),
    ("2026-03-08T05:30:00Z", [8, 8, 8]),
    ("2026-03-08T06:59:59Z", [8, 8, 8]),
    ("2026-03-08T07:00:00Z", [8, 8, 8]),
    ("2026-03-08T18:14:59Z", [8, 8, 8]),
    ("2026-03-08T18:15:00Z", [8, 8, 9]),
    ("2026-03-09T03:59:59Z", [9, 8, 9]),
    ("2026-03-09T04:00:00Z", [9, 9, 9]),
    ("2026-03-09T18:15:00Z", [9, 9, 10]),
    ("2026-03-10T03:59:59Z", [10, 9, 10]),
    ("2026-03-10T04:00:00Z", [10, 10, 10]),
];

#[tokio::test(flavor = "multi_thread")]
async fn days_are_those_of_the_time_zone() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let (client, service) = (node.register("ada", "client").await, node.register("gate", "service").await);
    let mut random = Random(7);
    let at = |(time, _): &(&str, _)| Event::new(&client, &mut random).at(time);
    let events: Vec<Event> = INSTANTS.iter().map(at).collect();
    node.record(&service.key, &events, true).await;
    for (index, zone) in ["UTC", "America/New_York", "Asia/Kathmandu"].into_iter().enumerate() {
        let mut expected = BTreeMap::new();
        for (_, days) in INSTANTS {
            *expected.entry(format!("2026-03-{:02}", days[index])).or_default() += 1;
        }
        let days = node.daily(&format!("from=2026-03-01&to=2026-03-31&timezone={zone}")).await;
        let days: BTreeMap<String, u64> = days.into_iter().map(|((d, _), c)| (d, c.requests)).collect();
        assert_eq!(days, expected, "{zone}");
    }
    node.stop().await;
    let mut ledger = Ledger::default();
    ledger.note(events, Outcome::Ok);
    check(&node, &ledger, OLD);
}
