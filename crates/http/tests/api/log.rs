//! Events, read back.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Registered, expect, pointer};

async fn record(app: &App, key: &str, events: &Value) {
    let answer = app.post("/api/logs", key, events).send().await.unwrap();
    expect(answer, StatusCode::ACCEPTED).await;
}

fn full(id: u128, minutes_ago: i64, app: &App) -> Value {
    json!({
        "id": uuid::Uuid::from_u128(id), "timestamp": app.now().plus_seconds(-60 * minutes_ago).to_string(),
        "endpoint": "/users/1?secret=x", "method": "get", "statusCode": 404, "responseTime": 1.234,
        "ipAddress": "192.0.2.1", "userAgent": "curl/8", "requestBytes": 0, "responseBytes": 2_747_282_505u64,
        "errorMessage": "=cmd|' /C calc'!A1", "metadata": { "plan": "gold", "n": 1 },
    })
}

async fn get(app: &App, query: &str, key: &str) -> Value {
    expect(app.get(&format!("/api/logs{query}"), key).send().await.unwrap(), StatusCode::OK).await
}

/// Five events of Ada's and one of Bob's.
async fn filled(app: &App) -> [Registered; 2] {
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let plain = |id: u128, ago: i64| {
        json!({
            "id": uuid::Uuid::from_u128(id), "timestamp": app.now().plus_seconds(-60 * ago).to_string(),
            "endpoint": format!("/users/{id}"), "method": "POST", "statusCode": 200 + id,
        })
    };
    let events = json!([full(1, 50, app), plain(2, 40), plain(3, 30), plain(4, 20), plain(5, 10)]);
    record(app, &ada.key, &events).await;
    record(app, &bob.key, &json!([plain(6, 15)])).await;
    [ada, bob]
}

#[tokio::test]
async fn what_went_in_comes_back() {
    let app = App::start();
    let [ada, _] = filled(&app).await;
    let page = get(&app, "?status=4xx", &ada.key).await;
    let mut expected = full(1, 50, &app);
    expected["clientId"] = json!(ada.id);
    expected["endpoint"] = json!("/users/1");
    expected["method"] = json!("GET");
    assert_eq!(page, json!({ "data": [expected] }));
}

#[tokio::test]
async fn pages_are_newest_first_and_join() {
    let app = App::start();
    let [ada, bob] = filled(&app).await;
    let (mut ids, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = get(&app, &query, &ada.key).await;
        ids.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].clone()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    let id = |n: u128| json!(uuid::Uuid::from_u128(n));
    assert_eq!(ids, [5, 4, 3, 2, 1].map(id));
    let all = get(&app, "", &app.admin_key).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 6);
    let of_bob = get(&app, &format!("?clientId={}", bob.id), &app.admin_key).await;
    assert_eq!(of_bob["data"][0]["id"], id(6));
    let foreign = app.get(&format!("/api/logs?clientId={}", bob.id), &ada.key).send().await.unwrap();
    expect(foreign, StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn filters_narrow_the_answer() {
    let app = App::start();
    let [ada, _] = filled(&app).await;
    let from = app.now().plus_seconds(-60 * 30).to_string();
    let to = app.now().plus_seconds(-60 * 10).to_string();
    for (query, expected) in [
        (format!("?from={from}&to={to}"), vec![4, 3]),
        ("?endpoint=/users/3".to_owned(), vec![3]),
        ("?endpoint=/users/%7Bid%7D&method=post".to_owned(), vec![5, 4, 3, 2]),
        ("?method=GET".to_owned(), vec![1]),
        ("?status=203".to_owned(), vec![3]),
        ("?status=2xx".to_owned(), vec![5, 4, 3, 2]),
        ("?endpoint=/nowhere".to_owned(), vec![]),
    ] {
        let page = get(&app, &query, &ada.key).await;
        let found: Vec<&Value> = page["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
        let expected: Vec<Value> =
            expected.into_iter().map(|n: u128| json!(uuid::Uuid::from_u128(n))).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{query}");
    }
}

#[tokio::test]
async fn lines_and_tables_carry_the_cursor_in_headers_and_no_formulas() {
    let app = App::start();
    let [ada, _] = filled(&app).await;
    let lines = app.get("/api/logs?limit=2", &ada.key).header("accept", "application/x-ndjson");
    let lines = lines.send().await.unwrap();
    assert_eq!(lines.headers()["content-type"], "application/x-ndjson");
    let cursor = lines.headers()["x-next-cursor"].to_str().unwrap().to_owned();
    let link = lines.headers()["link"].to_str().unwrap().to_owned();
    assert!(link.starts_with("</api/logs?limit=2&cursor=") && link.ends_with("; rel=\"next\""), "{link}");
    let text = lines.text().await.unwrap();
    let parsed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed.len(), 2);

    let table = app.get(&format!("/api/logs?cursor={cursor}"), &ada.key).header("accept", "text/csv");
    let table = table.send().await.unwrap();
    assert!(table.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(table.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(!table.headers().contains_key("link"));
    let text = table.text().await.unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 1 + 3);
    assert!(rows[0].starts_with("timestamp,clientId,id,endpoint,method,statusCode"));
    assert!(rows[3].contains(",'=cmd|' /C calc'!A1,"), "{}", rows[3]);
}

#[tokio::test]
async fn bad_questions_are_refused_by_name() {
    let app = App::start();
    for (query, at) in [
        ("from=2026-03-10", "?from"),
        ("from=2026-03-11T00:00:00Z&to=2026-03-10T00:00:00Z", "?from"),
        ("status=6xx", "?status"),
        ("method=G%20ET", "?method"),
        ("endpoint=", "?endpoint"),
        ("limit=1001", "?limit"),
        ("cursor=junk", "?cursor"),
        ("colour=red", "?colour"),
    ] {
        let answer = app.get(&format!("/api/logs?{query}"), &app.admin_key).send().await.unwrap();
        let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), at, "{query}");
    }
}
