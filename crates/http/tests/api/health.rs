//! Health, and what browsers get to see.

use std::sync::atomic::Ordering;

use reqwest::StatusCode;

use crate::app::{App, Options, expect};

#[tokio::test]
async fn readiness_follows_the_spool_and_the_stop_and_not_the_store() {
    let app = App::start();
    let ready = async |path: &str| app.request("GET", path).send().await.unwrap();
    for path in ["/livez", "/readyz", "/health-check"] {
        assert_eq!(expect(ready(path).await, StatusCode::OK).await["status"], "ok");
    }
    app.health.store_is_down.store(true, Ordering::SeqCst);
    assert_eq!(expect(ready("/readyz").await, StatusCode::OK).await["status"], "degraded");
    app.health.spool_is_down.store(true, Ordering::SeqCst);
    expect(ready("/readyz").await, StatusCode::SERVICE_UNAVAILABLE).await;
    app.health.spool_is_down.store(false, Ordering::SeqCst);
    app.health.is_stopping.store(true, Ordering::SeqCst);
    let stopping = expect(ready("/readyz").await, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(stopping["status"], "stopping");
    expect(ready("/livez").await, StatusCode::OK).await;
    app.shut_down().await;
}

/// Whoever keeps a connection open would find it closed behind a request, and not know what became of that.
#[tokio::test]
async fn a_server_that_stops_says_that_an_answer_is_the_last_on_its_connection() {
    let app = App::start();
    let ask = async |path: &str| {
        let answer = app.request("GET", path).send().await.unwrap();
        answer.headers().get("connection").is_some_and(|value| value == "close")
    };
    for (is_stopping, path) in [(false, "/livez"), (false, "/nope"), (true, "/livez"), (true, "/nope")] {
        app.health.is_stopping.store(is_stopping, Ordering::SeqCst);
        assert_eq!(ask(path).await, is_stopping, "{path}");
    }
    app.shut_down().await;
}

#[tokio::test]
async fn browsers_are_told_to_be_careful() {
    let app = App::start();
    let answer = app.request("GET", "/livez").send().await.unwrap();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn only_listed_origins_may_call() {
    let app = App::with(&Options { cors: vec!["https://ok.example".into()], ..Options::default() });
    let from = |origin: &'static str| app.request("GET", "/nope").header("origin", origin).send();
    let listed = from("https://ok.example").await.unwrap();
    assert_eq!(listed.headers()["access-control-allow-origin"], "https://ok.example");
    expect(listed, StatusCode::NOT_FOUND).await;
    for other in ["https://ok.example.evil.test", "http://ok.example", "null"] {
        assert!(!from(other).await.unwrap().headers().contains_key("access-control-allow-origin"));
    }
}
