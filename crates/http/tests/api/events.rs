//! POST /api/logs: every form of body, and one bad event never sinks the others.

use std::io::Write;
use std::sync::atomic::Ordering;

use flate2::write::GzEncoder;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Options, event, expect, pointer};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn one_an_array_lines_gzip_and_zstd() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let array = json!([event(), event()]).to_string();
    let lines = format!("{}\n\n{}\r\n{}", event(), event(), event());
    let cases: [(&str, Option<&str>, Vec<u8>, u64); 6] = [
        ("application/json", None, event().to_string().into(), 1),
        ("application/json; charset=utf-8", None, array.clone().into(), 2),
        ("application/x-ndjson", None, lines.clone().into(), 3),
        ("application/json", Some("gzip"), gzip(array.as_bytes()), 2),
        ("application/x-ndjson", Some("gzip"), gzip(lines.as_bytes()), 3),
        ("application/json", Some("zstd"), zstd::encode_all(array.as_bytes(), 1).unwrap(), 2),
    ];
    let mut sum = 0;
    for (media, encoding, body, count) in cases {
        let mut request =
            app.request("POST", "/api/logs").header("x-api-key", &ada.key).header("content-type", media);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        let answer = expect(request.body(body).send().await.unwrap(), StatusCode::ACCEPTED).await;
        assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(count), &json!([])));
        sum += count;
    }
    assert_eq!(app.store.rows().await.len() as u64, sum);
}

#[tokio::test]
async fn a_bad_event_does_not_sink_the_others() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let bad = [
        (json!({ "endpoint": "/a", "method": "GET" }), "statusCode: is missing"),
        (
            json!({ "endpoint": "/a", "method": "GET", "statusCode": 99 }),
            "statusCode: must be between 100 and 599",
        ),
        (json!({ "endpoint": "/a", "method": "G ET", "statusCode": 200 }), "method: must be an HTTP method"),
        (json!({ "endpoint": "", "method": "GET", "statusCode": 200 }), "endpoint: must not be empty"),
        (json!({ "endpont": "/a", "method": "GET", "statusCode": 200 }), "endpont: is not a known field"),
        (json!(7), "invalid type"),
        (json!(null), "invalid type"),
    ];
    let items: Vec<Value> = bad.iter().map(|(item, _)| item.clone()).chain([event()]).collect();
    let answer = app.post("/api/logs", &ada.key, &json!(items)).send().await.unwrap();
    let answer = expect(answer, StatusCode::ACCEPTED).await;
    assert_eq!(answer["accepted"], 1);
    for (index, (_, says)) in bad.iter().enumerate() {
        let rejected = &answer["rejected"][index];
        assert_eq!(rejected["index"], index);
        assert!(rejected["detail"].as_str().unwrap().contains(says), "{rejected} {says}");
    }
    assert_eq!(app.store.rows().await.len(), 1);
}

#[tokio::test]
async fn fields_are_checked_one_by_one() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let year = 86_400 * 365;
    let now = app.now();
    let cases = [
        ("responseTime", json!(-1)),
        ("responseTime", json!("fast")),
        ("timestamp", json!("yesterday")),
        ("timestamp", json!(now.plus_seconds(301).to_string())),
        ("timestamp", json!(now.plus_seconds(-year).to_string())),
        ("id", json!("not-a-uuid")),
        ("id", json!("00000000-0000-4000-8000-000000000000")),
        ("ipAddress", json!("300.1.1.1")),
        ("userAgent", json!("a\0b")),
        ("requestBytes", json!(-1)),
        ("metadata", json!([1])),
        ("metadata", json!({ "a": "b".repeat(9_000) })),
        ("metadata", json!({ "a": "\0" })),
        ("clientId", json!("CL-other")),
    ];
    for (field, value) in cases {
        let mut body = event();
        body[field] = value.clone();
        let answer = app.post("/api/logs", &ada.key, &body).send().await.unwrap();
        let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), format!("#/{field}"), "{value}");
    }
    assert!(app.store.rows().await.is_empty());
}

#[tokio::test]
async fn none_good_is_refused_with_all_reasons() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let answer = app.post("/api/logs", &ada.key, &json!([{}, { "endpoint": 1 }])).send().await.unwrap();
    let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    assert_eq!(problem["errors"][1]["pointer"], "#/1/endpoint");
    for empty in [json!([]), json!([7])] {
        let answer = app.post("/api/logs", &ada.key, &empty).send().await.unwrap();
        expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
}

#[tokio::test]
async fn a_retry_with_ids_changes_nothing() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut one = event();
    one["id"] = json!("01890000-0000-7000-8000-000000000001");
    // A UUIDv7 has a time, here in 2023: too old for a client, fine for a service.
    let answer = app.post("/api/logs", &ada.key, &one).send().await.unwrap();
    assert_eq!(pointer(&expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await), "#/timestamp");
    one["timestamp"] = json!(app.now().to_string());
    for _ in 0..3 {
        expect(app.post("/api/logs", &ada.key, &one).send().await.unwrap(), StatusCode::ACCEPTED).await;
    }
    assert_eq!(app.store.rows().await.len(), 1);
}

#[tokio::test]
async fn services_record_for_clients_that_exist() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let service = app.register("gateway", Some("service")).await;
    for key in [&service.key, &app.admin_key] {
        let answer = app.post("/api/logs", key, &event()).send().await.unwrap();
        assert_eq!(pointer(&expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await), "#/clientId");
        let mut unknown = event();
        unknown["clientId"] = json!("CL-nobody");
        let answer = app.post("/api/logs", key, &unknown).send().await.unwrap();
        assert_eq!(pointer(&expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await), "#/clientId");
        let mut known = event();
        known["clientId"] = json!(ada.id);
        known["timestamp"] = json!("2015-05-17T10:05:00Z");
        expect(app.post("/api/logs", key, &known).send().await.unwrap(), StatusCode::ACCEPTED).await;
    }
    assert_eq!(app.store.rows().await.len(), 2);
    assert!(app.store.rows().await.iter().all(|row| row.client.as_str() == ada.id));
}

#[tokio::test]
async fn retention_refuses_everybody() {
    let app = App::with(&Options { retention_days: Some(30), ..Options::default() });
    let ada = app.register("ada", None).await;
    let mut old = event();
    old["clientId"] = json!(ada.id);
    old["timestamp"] = json!(app.now().plus_seconds(-31 * 86_400).to_string());
    let answer = app.post("/api/logs", &app.admin_key, &old).send().await.unwrap();
    assert_eq!(pointer(&expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await), "#/timestamp");
}

#[tokio::test]
async fn preferences_wait_and_list_ids() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let request = app.post("/api/logs", &ada.key, &json!([event(), event()]));
    let answer = request.header("prefer", "wait=5, return=representation").send().await.unwrap();
    let answer = expect(answer, StatusCode::CREATED).await;
    let ids: Vec<String> = app.store.rows().await.iter().map(|row| row.id.0.to_string()).collect();
    let mut listed: Vec<String> = serde_json::from_value(answer["ids"].clone()).unwrap();
    listed.sort();
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn a_full_spool_is_503_with_retry_after() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    app.recorder.is_full.store(true, Ordering::SeqCst);
    let answer = app.post("/api/logs", &ada.key, &event()).send().await.unwrap();
    assert!(answer.headers().contains_key("retry-after"));
    expect(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    app.recorder.is_full.store(false, Ordering::SeqCst);
    expect(app.post("/api/logs", &ada.key, &event()).send().await.unwrap(), StatusCode::ACCEPTED).await;
}

#[tokio::test]
async fn ten_thousand_events_are_taken_and_no_more() {
    let app = App::start();
    let ada = app.register("ada", Some("service")).await;
    let event = || {
        let mut event = event();
        event["clientId"] = json!(ada.id);
        event
    };
    let many = |n| Value::Array(vec![event(); n]);
    let answer = app.post("/api/logs", &ada.key, &many(10_000)).send().await.unwrap();
    assert_eq!(expect(answer, StatusCode::ACCEPTED).await["accepted"], 10_000);
    let answer = app.post("/api/logs", &ada.key, &many(10_001)).send().await.unwrap();
    expect(answer, StatusCode::PAYLOAD_TOO_LARGE).await;
    let lines = vec![event().to_string(); 10_001].join("\n");
    let request = app.request("POST", "/api/logs").header("x-api-key", &ada.key);
    let answer = request.header("content-type", "application/x-ndjson").body(lines).send().await.unwrap();
    expect(answer, StatusCode::PAYLOAD_TOO_LARGE).await;
    assert_eq!(app.store.rows().await.len(), 10_000);
}
