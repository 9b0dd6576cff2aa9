//! Usage by day and the top clients.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, event, expect};

/// Events of two clients around a day's border in New York.
async fn filled(app: &App) -> (String, String) {
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let at = |client: &str, time: &str, status: u16, took: Value| {
        let mut event = event();
        event["clientId"] = json!(client);
        event["timestamp"] = json!(time);
        event["statusCode"] = json!(status);
        event["responseTime"] = took;
        event
    };
    let events = json!([
        at(&ada.id, "2026-03-08T04:59:59.999999Z", 200, json!(0.001)),
        at(&ada.id, "2026-03-08T05:00:00Z", 500, json!(0.002)),
        at(&ada.id, "2026-03-09T03:59:59Z", 404, json!(null)),
        at(&bob.id, "2026-03-09T03:59:59Z", 200, json!(100)),
        at(&bob.id, "2026-03-09T04:00:00Z", 200, json!(300)),
    ]);
    let answer = app.post("/api/logs", &app.admin_key, &events).send().await.unwrap();
    expect(answer, StatusCode::ACCEPTED).await;
    (ada.id, bob.id)
}

async fn get(app: &App, path: &str) -> Value {
    expect(app.get(path, &app.admin_key).send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test]
async fn days_are_those_of_the_zone() {
    let app = App::start();
    let (ada, bob) = filled(&app).await;
    let path = "/api/usage/daily?from=2026-03-07&to=2026-03-09&timezone=america/new_york";
    let usage = get(&app, path).await;
    assert_eq!(usage["timezone"], "America/New_York");
    let row = |i: usize| {
        let row = &usage["data"][i];
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        (
            text("date"),
            text("clientId"),
            row["requestCount"].as_u64().unwrap(),
            row["errorCount"].as_u64().unwrap(),
        )
    };
    assert_eq!(usage["data"].as_array().unwrap().len(), 4);
    assert_eq!(row(0), ("2026-03-09".into(), bob.clone(), 1, 0));
    assert_eq!(row(1), ("2026-03-08".into(), ada.clone(), 2, 2));
    assert_eq!(row(2), ("2026-03-08".into(), bob.clone(), 1, 0));
    assert_eq!(row(3), ("2026-03-07".into(), ada.clone(), 1, 0));
    // A microsecond is not rounded to nothing; what was not timed does not count in the mean.
    assert_eq!(usage["data"][3]["avgResponseTime"], 0.001);
    assert_eq!(usage["data"][1]["avgResponseTime"], 0.002);
    let p50 = usage["data"][2]["p50"].as_f64().unwrap();
    assert!((p50 - 100.0).abs() <= 1.0, "{p50}");
}

#[tokio::test]
async fn pages_follow_one_another() {
    let app = App::start();
    filled(&app).await;
    let path = "/api/usage/daily?from=2026-03-01&to=2026-03-09";
    let whole = get(&app, path).await["data"].clone();
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(&app, &format!("{path}&limit=1{cursor}")).await;
        pages.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(Value::Array(pages), whole);
}

#[tokio::test]
async fn top_ranks_by_requests_then_client_and_states_its_range() {
    let app = App::start();
    let (ada, bob) = filled(&app).await;
    let path = "/api/usage/top?from=2026-03-08T00:07:00Z&to=2026-03-10T00:00:01Z";
    let top = get(&app, path).await;
    // Long ago, so it is known to the quarter hour.
    assert_eq!((&top["from"], &top["to"]), (&json!("2026-03-08T00:00:00Z"), &json!("2026-03-10T00:15:00Z")));
    assert_eq!(top["data"][0]["clientId"], ada);
    assert_eq!(top["data"][0]["rank"], 1);
    assert_eq!(top["data"][0]["name"], "ada");
    assert_eq!(top["data"][0]["requestCount"], 3);
    assert_eq!(top["data"][0]["lastAccess"], "2026-03-09T03:59:59Z");
    assert_eq!(top["data"][1]["clientId"], bob);
    assert_eq!(top["data"][1]["avgResponseTime"], 200.0);
    let one = get(&app, &format!("{path}&limit=1")).await;
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    let recent = get(&app, "/api/usage/top").await;
    assert_eq!(recent["data"], json!([]));
}

#[tokio::test]
async fn a_client_sees_itself_only() {
    let app = App::start();
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    for client in [&ada, &bob] {
        expect(app.post("/api/logs", &client.key, &event()).send().await.unwrap(), StatusCode::ACCEPTED)
            .await;
    }
    let own = expect(app.get("/api/usage/daily", &ada.key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(own["data"].as_array().unwrap().len(), 1);
    assert_eq!(own["data"][0]["clientId"], ada.id);
    let named = app.get(&format!("/api/usage/daily?clientId={}", ada.id), &ada.key).send().await.unwrap();
    expect(named, StatusCode::OK).await;
    for other in [bob.id.as_str(), "CL-nobody"] {
        let path = format!("/api/usage/daily?clientId={other}");
        expect(app.get(&path, &ada.key).send().await.unwrap(), StatusCode::NOT_FOUND).await;
    }
    let nobody = app.get("/api/usage/daily?clientId=CL-nobody", &app.admin_key).send().await.unwrap();
    expect(nobody, StatusCode::NOT_FOUND).await;
    let bobs = get(&app, &format!("/api/usage/daily?clientId={}", bob.id)).await;
    assert_eq!(bobs["data"][0]["clientId"], bob.id);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_503_and_known_callers_go_on_recording() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    expect(app.get("/api/usage/daily", &ada.key).send().await.unwrap(), StatusCode::OK).await;
    app.store.cut_off();
    let known = app.get("/api/usage/daily", &ada.key).send().await.unwrap();
    assert!(known.headers().contains_key("retry-after"));
    expect(known, StatusCode::SERVICE_UNAVAILABLE).await;
    // A key that cannot be looked up is not refused as wrong.
    let unknown = format!("0123456789-{}", ada.id);
    expect(app.get("/api/usage/daily", &unknown).send().await.unwrap(), StatusCode::SERVICE_UNAVAILABLE)
        .await;
    let malformed = app.post("/api/logs", &ada.key, &json!({})).send().await.unwrap();
    expect(malformed, StatusCode::UNPROCESSABLE_ENTITY).await;
}
