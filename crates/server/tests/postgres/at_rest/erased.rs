//! A client that did everything with a canary in it, and is erased.

use std::fs;

use activity_testkit::Redis;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Canary, Store, as_admin, files};
use crate::LONG;
use crate::support::{Account, Node, until};

/// In clear before.
const CLEAR: [&str; 6] =
    ["c4n4ry-name", "c4n4ry-limit", "c4n4ry-path", "c4n4ry-agent", "c4n4ry-error", "c4n4ry-note"];
/// Never in clear.
const SEALED: [&str; 4] = ["c4n4ry@mail.example", "c4n4ry-header", "c4n4ry-question", "c4n4ry-answer"];
const ADDRESS: &str = "2001:db8:c4c4:c4c4::4";

fn event() -> Value {
    json!({
        "endpoint": "/c4n4ry-path/x", "method": "GET", "statusCode": 500, "responseTime": 1.5,
        "id": Uuid::now_v7().to_string(), "timestamp": Timestamp::now().to_string(), "ipAddress": ADDRESS,
        "userAgent": "c4n4ry-agent", "errorMessage": "c4n4ry-error", "metadata": { "note": "c4n4ry-note" },
        "requestHeaders": { "x": "c4n4ry-header" }, "requestBody": "c4n4ry-question",
        "responseBody": { "x": "c4n4ry-answer" },
    })
}

async fn send(node: &Node, method: Method, path: &str, key: &str, body: &Value) -> (StatusCode, Value) {
    let request = node.http.request(method, node.at(path)).header("x-api-key", key).json(body);
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

/// A client that has and does everything there is. Returns it with the ids of its keys.
async fn lives(node: &Node) -> (Account, Vec<String>) {
    let admin = node.admin_key();
    let wish = json!({ "name": "c4n4ry-name", "email": "c4n4ry@mail.example", "rateLimit": 1_000_000 });
    let (status, new) = send(node, Method::POST, "/api/register", &admin, &wish).await;
    assert_eq!(status, StatusCode::CREATED);
    let text = |name: &str| new[name].as_str().unwrap().to_owned();
    let ada = Account { id: text("clientId"), key: text("apiKey"), token: text("token") };
    let path = format!("/api/clients/{}", ada.id);
    let limits =
        json!({ "limits": [{ "name": "c", "limit": 1_000, "window": 60, "endpoint": "/c4n4ry-limit" }] });
    assert_eq!(send(node, Method::PATCH, &path, &admin, &limits).await.0, StatusCode::OK);
    let mut keys = vec![ada.key.split('_').nth(1).unwrap().to_owned()];
    for _ in 0..2 {
        let (status, key) = send(node, Method::POST, &format!("{path}/keys"), &ada.key, &json!({})).await;
        assert_eq!(status, StatusCode::CREATED);
        keys.push(key["keyId"].as_str().unwrap().to_owned());
    }
    let revoked = format!("{path}/keys/{}", keys[2]);
    assert_eq!(send(node, Method::DELETE, &revoked, &ada.key, &json!({})).await.0, StatusCode::NO_CONTENT);
    let (status, ticket) = send(node, Method::POST, "/api/stream-tickets", &ada.key, &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let stream = node.at(&format!("/api/usage/stream?ticket={}", ticket["ticket"].as_str().unwrap()));
    assert_eq!(node.http.get(stream).send().await.unwrap().status(), StatusCode::OK);
    let events: Vec<Value> = (0..200).map(|_| event()).collect();
    let stored = node.post(&ada.key).header("prefer", "wait=10").json(&events).send().await.unwrap();
    assert_eq!(stored.status(), StatusCode::CREATED);
    let asked = node.http.get(node.at("/api/verify?record=true")).bearer_auth(&ada.token);
    let asked = asked.header("x-original-uri", "/c4n4ry-path/y").header("x-original-method", "GET");
    assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
    for question in
        ["usage/daily?days=2", "usage/top", "usage/endpoints?from=2026-01-01&to=2026-01-02", "rate-limit"]
    {
        node.http.get(node.at(&format!("/api/{question}"))).header("x-api-key", &admin).send().await.unwrap();
    }
    (ada, keys)
}

/// What admins did keeps whom it was done to, by ids, and the limits that were set.
fn is_act(found: &str, kept: &[&str]) -> bool {
    let place = kept.iter().find_map(|kept| found.strip_prefix(kept)?.strip_prefix(" in "));
    place.is_some_and(|place| place == "act" || place.contains("activity.db"))
}

/// Whether the first segment of the spool, with everything in it, is deleted or kept.
fn is_done(node: &Node) -> bool {
    let first =
        |file: &std::path::PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("00000000-");
    files(&node.path("data/spool"))
        .iter()
        .filter(|file| first(file))
        .all(|file| file.extension().unwrap() == "kept")
}

/// Has kept segments of the spool look as old as they are after their time.
fn age(node: &Node) {
    for file in files(&node.path("data/spool")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if let Some((rest, _)) = name.strip_suffix(".kept").and_then(|name| name.rsplit_once('-')) {
            fs::rename(&file, file.with_file_name(format!("{rest}-1000000000.kept"))).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_erased_leaves_no_trace() {
    let redis = Redis::start();
    for store in Store::each() {
        let url = redis.url();
        let mut settings = vec![("AUDIT_CAPTURE", "full"), ("TRUSTED_PROXIES", "127.0.0.1/32")];
        if matches!(store, Store::Postgres(_)) {
            settings.extend([("REDIS_URL", url.as_str()), ("REDIS_TIMEOUT_MS", "20000")]);
        }
        let mut node = store.node(&settings);
        node.start().await;
        let (ada, keys) = lives(&node).await;
        let sealed = SEALED.map(Canary::text);
        assert_eq!(store.find(&node, &sealed), [""; 0], "what is encrypted is nowhere in clear");
        let ids = [vec![ada.id.clone()], keys].concat();
        let kept: Vec<&str> = ids.iter().map(String::as_str).chain(["c4n4ry-limit"]).collect();
        let own = ids.iter().map(String::as_str).chain(CLEAR).map(Canary::text);
        let all: Vec<Canary> = own.chain([Canary::address(ADDRESS)]).chain(sealed).collect();
        let before = store.find(&node, &all);
        for name in CLEAR.iter().chain([&ada.id.as_str(), &ADDRESS]) {
            let is_there = |found: &String| found.starts_with(*name) && !found.contains("spool");
            assert!(before.iter().any(is_there), "the search finds {name}: {before:?}");
        }

        let path = format!("/api/clients/{}", ada.id);
        let erased = as_admin(node.http.delete(node.at(&path))).send().await.unwrap();
        assert_eq!(erased.status(), StatusCode::NO_CONTENT);
        let find = |node: &Node| {
            let mut found = store.find(node, &all);
            found.retain(|found| !is_act(found, &kept));
            found
        };
        until("no trace outside the spool", LONG, async || {
            find(&node).iter().all(|found| found.contains("spool")).then_some(())
        })
        .await;
        let last = node.stop().await;
        assert_eq!((&last["stored"], &last["pending"]), (&201.into(), &0.into()), "{last}");
        // What was still open at the stop is found by the next start, and with Postgres kept for a while from then on.
        node.start().await;
        until("a segment that is done", LONG, async || is_done(&node).then_some(())).await;
        node.stop().await;
        age(&node);
        node.start().await;
        until("no trace", LONG, async || find(&node).is_empty().then_some(())).await;
        node.stop().await;
        assert_eq!(find(&node), [""; 0]);
    }
}
