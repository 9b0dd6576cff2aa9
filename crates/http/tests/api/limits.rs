//! Limits as callers meet them.

use std::sync::atomic::Ordering;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, Registered, event, expect};

async fn limited(app: &App, limit: u64) -> Registered {
    let body = json!({ "name": "ada", "email": "ada@example.org", "rateLimit": limit });
    let answer = app.post("/api/register", &app.admin_key, &body).send().await.unwrap();
    let new = expect(answer, StatusCode::CREATED).await;
    let text = |field: &str| new[field].as_str().unwrap().to_owned();
    Registered { id: text("clientId"), key: text("apiKey"), token: text("token") }
}

async fn post(app: &App, key: &str, events: usize) -> Response {
    app.post("/api/logs", key, &Value::Array(vec![event(); events])).send().await.unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_batch_costs_its_events_all_or_nothing_and_a_retry_at_retry_after_passes() {
    let app = App::start();
    let ada = limited(&app, 10).await;
    let first = post(&app, &ada.key, 4).await;
    assert_eq!(header(&first, "ratelimit-policy"), "\"default\";q=10;w=3600");
    assert!(header(&first, "ratelimit").starts_with("\"default\";r=6;t="));
    assert_eq!(
        (header(&first, "x-ratelimit-limit"), header(&first, "x-ratelimit-remaining")),
        ("10".into(), "6".into())
    );
    let reset: i64 = header(&first, "x-ratelimit-reset").parse().unwrap();
    let now = app.now().as_micros() / 1_000_000;
    assert!((now + 3_600..=now + 3_661).contains(&reset), "{reset} {now}");

    let dear = post(&app, &ada.key, 7).await;
    let wait: i64 = header(&dear, "retry-after").parse().unwrap();
    assert_eq!(header(&dear, "x-ratelimit-remaining"), "6");
    let problem = expect(dear, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(problem["type"].as_str().unwrap().ends_with("#quota-exceeded"));
    expect(post(&app, &ada.key, 6).await, StatusCode::ACCEPTED).await;
    expect(post(&app, &ada.key, 1).await, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(app.store.rows().len(), 10);
    app.clock.advance(wait);
    expect(post(&app, &ada.key, 4).await, StatusCode::ACCEPTED).await;

    let never = post(&app, &ada.key, 11).await;
    assert!(!never.headers().contains_key("retry-after"));
    expect(never, StatusCode::UNPROCESSABLE_ENTITY).await;
}

#[tokio::test]
async fn bad_events_cost_nothing_and_what_is_not_taken_is_given_back() {
    let app = App::start();
    let ada = limited(&app, 3).await;
    let mixed = json!([event(), { "endpoint": 1 }, {}, 7]);
    let answer = app.post("/api/logs", &ada.key, &mixed).send().await.unwrap();
    assert_eq!(header(&answer, "x-ratelimit-remaining"), "2");
    app.recorder.is_full.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        expect(post(&app, &ada.key, 2).await, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    app.recorder.is_full.store(false, Ordering::SeqCst);
    expect(post(&app, &ada.key, 2).await, StatusCode::ACCEPTED).await;
}

#[tokio::test]
async fn of_64_callers_at_once_as_many_as_the_limit_get_through() {
    let app = App::start();
    let ada = limited(&app, 200).await;
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let request = app.post("/api/logs", &ada.key, &event());
            tokio::spawn(async move {
                let mut admitted = 0;
                for _ in 0..5 {
                    let answer = request.try_clone().unwrap().send().await.unwrap();
                    admitted += u64::from(answer.status() == StatusCode::ACCEPTED);
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for caller in callers {
        admitted += caller.await.unwrap();
    }
    assert_eq!((admitted, app.store.rows().len()), (200, 200));
}

#[tokio::test]
async fn services_and_admins_are_not_limited() {
    let app = App::start();
    let ada = limited(&app, 1).await;
    let service = app.register("gateway", Some("service")).await;
    let mut one = event();
    one["clientId"] = json!(ada.id);
    for key in [&service.key, &app.admin_key] {
        let answer = app.post("/api/logs", key, &json!(vec![one.clone(); 5])).send().await.unwrap();
        assert!(!answer.headers().contains_key("ratelimit"));
        expect(answer, StatusCode::ACCEPTED).await;
    }
}

#[tokio::test]
async fn reading_has_a_limit_of_its_own() {
    let app = App::start();
    let ada = limited(&app, 10).await;
    for _ in 0..60 {
        expect(app.get("/api/usage/daily", &ada.key).send().await.unwrap(), StatusCode::OK).await;
    }
    let over = app.get("/api/usage/daily", &ada.key).send().await.unwrap();
    let wait: i64 = header(&over, "retry-after").parse().unwrap();
    assert!(wait <= 61);
    expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(header(&post(&app, &ada.key, 1).await, "x-ratelimit-remaining"), "9");
    app.clock.advance(wait);
    expect(app.get("/api/usage/daily", &ada.key).send().await.unwrap(), StatusCode::OK).await;
}

#[tokio::test]
async fn open_registration_is_limited_by_network() {
    let app = App::start();
    let register = |n: u32, from: &'static str| {
        let body = json!({ "name": "x", "email": format!("x{n}-{}@example.org", from.len()) });
        app.request("POST", "/api/register").header("x-forwarded-for", from).json(&body)
    };
    for n in 0..20 {
        expect(register(n, "192.0.2.1").send().await.unwrap(), StatusCode::CREATED).await;
    }
    let over = register(21, "192.0.2.1").send().await.unwrap();
    assert!(over.headers().contains_key("retry-after"));
    expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    expect(register(22, "192.0.2.22").send().await.unwrap(), StatusCode::CREATED).await;
    // An invalid wish costs nothing, and an admin is not limited.
    let invalid =
        app.request("POST", "/api/register").header("x-forwarded-for", "192.0.2.1").json(&json!({}));
    expect(invalid.send().await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY).await;
    app.register("by-admin", None).await;
}

#[tokio::test]
async fn a_client_sees_its_limit_and_an_admin_resets_it() {
    let app = App::start();
    let ada = limited(&app, 10).await;
    let service = app.register("gateway", Some("service")).await;
    expect(post(&app, &ada.key, 4).await, StatusCode::ACCEPTED).await;
    let own = expect(app.get("/api/rate-limit", &ada.key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&own["limit"], &own["window"], &own["remaining"]), (&json!(10), &json!(3_600), &json!(6)));
    assert_eq!(own["policies"][0]["name"], "default");
    assert!(own["resetAt"].as_str().unwrap() > app.now().to_string().as_str());
    let unlimited =
        expect(app.get("/api/rate-limit", &service.key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(unlimited["policies"], json!([]));

    let path = format!("/api/clients/{}/rate-limit", ada.id);
    expect(app.get(&path, &ada.key).send().await.unwrap(), StatusCode::FORBIDDEN).await;
    let seen = expect(app.get(&path, &app.admin_key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(seen["remaining"], 6);
    let reset = app.request("DELETE", &path).header("x-api-key", &app.admin_key).send().await.unwrap();
    assert_eq!(reset.status(), StatusCode::NO_CONTENT);
    let after = expect(app.get(&path, &app.admin_key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(after["remaining"], 10);
    let nobody = app.get("/api/clients/CL-nobody/rate-limit", &app.admin_key).send().await.unwrap();
    expect(nobody, StatusCode::NOT_FOUND).await;
}
