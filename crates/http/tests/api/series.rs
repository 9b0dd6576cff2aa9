//! Usage over time and by endpoint.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, expect, pointer};

async fn get(app: &App, path: &str, key: &str) -> Value {
    expect(app.get(path, key).send().await.unwrap(), StatusCode::OK).await
}

fn call(client: &str, time: &str, path: &str, method: &str, status: u16) -> Value {
    json!({
        "clientId": client, "timestamp": time, "endpoint": path, "method": method, "statusCode": status,
        "responseTime": 10,
    })
}

/// Calls of two clients around the hour that New York skips.
async fn filled(app: &App) -> [crate::app::Registered; 2] {
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let events = json!([
        call(&ada.id, "2026-03-08T06:59:59Z", "/users/1", "GET", 200),
        call(&ada.id, "2026-03-08T07:00:00Z", "/users/2", "GET", 404),
        call(&ada.id, "2026-03-08T07:30:00Z", "/users", "POST", 500),
        call(&bob.id, "2026-03-08T07:30:00Z", "/users/3?x=1", "GET", 200),
        call(&bob.id, "2026-03-09T03:59:59Z", "/jobs", "BREW", 200),
    ]);
    let answer = app.post("/api/logs", &app.admin_key, &events).send().await.unwrap();
    expect(answer, StatusCode::ACCEPTED).await;
    [ada, bob]
}

const RANGE: &str = "from=2026-03-08T06:00:00Z&to=2026-03-09T03:59:59.5Z";

fn counts(series: &Value) -> Vec<u64> {
    let points = series["points"].as_array().unwrap();
    points.iter().map(|point| point["requestCount"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn buckets_begin_by_the_clock_of_the_zone() {
    let app = App::start();
    filled(&app).await;
    let path = format!("/api/usage/series?{RANGE}&bucket=1d&timezone=america/new_york");
    let usage = get(&app, &path, &app.admin_key).await;
    assert_eq!(
        (&usage["from"], &usage["to"]),
        (&json!("2026-03-08T05:00:00Z"), &json!("2026-03-09T04:00:00Z"))
    );
    assert_eq!(
        (&usage["timezone"], &usage["bucket"], &usage["groupBy"]),
        (&json!("America/New_York"), &json!("1d"), &json!("none"))
    );
    let [series] = usage["series"].as_array().unwrap().as_slice() else { panic!("one series: {usage}") };
    assert_eq!((&series["group"], counts(series)), (&Value::Null, vec![5]));
    let point = &series["points"][0];
    assert_eq!((&point["errorCount"], &point["avgResponseTime"]), (&json!(2), &json!(10.0)));
    assert!((point["p99"].as_f64().unwrap() - 10.0).abs() <= 0.1);
    // Hours without calls are there, with nothing in them.
    let path = format!("/api/usage/series?{RANGE}&timezone=America/New_York");
    let hours = get(&app, &path, &app.admin_key).await;
    let mut expected = vec![0; 22];
    (expected[0], expected[1], expected[21]) = (1, 3, 1);
    assert_eq!(counts(&hours["series"][0]), expected);
    assert_eq!(hours["series"][0]["points"][2]["p50"], Value::Null);
}

#[tokio::test]
async fn series_are_told_apart() {
    let app = App::start();
    let [ada, bob] = filled(&app).await;
    for (group, expected) in [
        ("status", vec![("2xx", 3), ("4xx", 1), ("5xx", 1)]),
        ("method", vec![("GET", 3), ("POST", 1), ("(other)", 1)]),
        ("endpoint", vec![("/users/{id}", 3), ("/jobs", 1), ("/users", 1)]),
        ("client", vec![(ada.id.as_str(), 3), (bob.id.as_str(), 2)]),
    ] {
        let path = format!("/api/usage/series?{RANGE}&bucket=1d&groupBy={group}");
        let usage = get(&app, &path, &app.admin_key).await;
        let found: Vec<(&str, u64)> = usage["series"]
            .as_array()
            .unwrap()
            .iter()
            .map(|series| (series["group"].as_str().unwrap(), counts(series).iter().sum()))
            .collect();
        assert_eq!(found, expected, "{group}");
    }
}

#[tokio::test]
async fn clients_see_their_own_and_nobody_elses() {
    let app = App::start();
    let [ada, bob] = filled(&app).await;
    for (path, field) in [("series", "series"), ("endpoints", "data")] {
        let own = get(&app, &format!("/api/usage/{path}?{RANGE}"), &ada.key).await;
        let by_admin =
            get(&app, &format!("/api/usage/{path}?{RANGE}&clientId={}", ada.id), &app.admin_key).await;
        assert_eq!(own[field], by_admin[field]);
        let other = app.get(&format!("/api/usage/{path}?{RANGE}&clientId={}", bob.id), &ada.key);
        expect(other.send().await.unwrap(), StatusCode::NOT_FOUND).await;
        let nobody = app.get(&format!("/api/usage/{path}?{RANGE}&clientId=CL-nobody"), &app.admin_key);
        expect(nobody.send().await.unwrap(), StatusCode::NOT_FOUND).await;
    }
    for key in [&ada.key, &app.admin_key] {
        let path = format!("/api/usage/series?{RANGE}&groupBy=client&clientId={}", ada.id);
        let problem =
            expect(app.get(&path, key).send().await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), "?groupBy");
    }
}

#[tokio::test]
async fn endpoints_have_no_ids_and_come_in_the_order_asked_for() {
    let app = App::start();
    filled(&app).await;
    let usage = get(&app, &format!("/api/usage/endpoints?{RANGE}&sort=errors"), &app.admin_key).await;
    // More than eight days ago, whole days of UTC are what is kept.
    assert_eq!(
        (&usage["from"], &usage["to"]),
        (&json!("2026-03-08T00:00:00Z"), &json!("2026-03-10T00:00:00Z"))
    );
    let row = |row: &Value| {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        let count = |field: &str| row[field].as_u64().unwrap();
        (text("method"), text("endpoint"), count("requestCount"), count("errorCount"))
    };
    let rows: Vec<_> = usage["data"].as_array().unwrap().iter().map(row).collect();
    let expected = [("GET", "/users/{id}", 3, 1), ("POST", "/users", 1, 1), ("(other)", "/jobs", 1, 0)];
    assert_eq!(rows, expected.map(|(m, e, n, errors)| (m.to_owned(), e.to_owned(), n, errors)));
    let one = get(&app, &format!("/api/usage/endpoints?{RANGE}&limit=1"), &app.admin_key).await;
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_kept_or_too_much_is_refused_by_name() {
    let app = App::start();
    let old = "from=2025-01-01T00:00:00Z&to=2025-01-02T00:00:00Z";
    let new = app.now().plus_seconds(-3_600).to_string();
    for (query, at) in [
        (format!("series?{old}&bucket=1m"), "?bucket"),
        (format!("series?{old}&bucket=1h&groupBy=endpoint"), "?bucket"),
        (format!("series?{old}&bucket=1d&groupBy=endpoint&timezone=Asia/Kathmandu"), "?bucket"),
        (format!("series?from={new}&bucket=5m&groupBy=endpoint"), "?bucket"),
        (format!("series?{old}&bucket=2h"), "?bucket"),
        (format!("series?{old}&groupBy=colour"), "?groupBy"),
        (format!("series?{old}&timezone=Mars/Olympus"), "?timezone"),
        (format!("series?{old}&clientId=a%20b"), "?clientId"),
        ("series?from=1970-01-01T00:00:00Z&bucket=15m".to_owned(), "?from"),
        ("series?from=2020-01-01T00:00:00Z&bucket=1d&groupBy=status".to_owned(), "?from"),
        ("series?from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z".to_owned(), "?from"),
        ("series?from=yesterday".to_owned(), "?from"),
        ("series?hours=24".to_owned(), "?hours"),
        ("endpoints?sort=p99".to_owned(), "?sort"),
        ("endpoints?from=1970-01-01T00:00:00Z&to=2026-01-01T00:00:00Z".to_owned(), "?from"),
        ("endpoints?limit=0".to_owned(), "?limit"),
        ("endpoints?to=1970-01-01T00:00:00Z".to_owned(), "?from"),
        ("endpoints?groupBy=client".to_owned(), "?groupBy"),
    ] {
        let answer = app.get(&format!("/api/usage/{query}"), &app.admin_key).send().await.unwrap();
        let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), at, "{query}: {problem}");
    }
}
