//! What is counted of requests, and who may see it.

use reqwest::{Method, StatusCode};

use crate::app::{App, Options, expect};

async fn lines(app: &App) -> Vec<String> {
    let text = app.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn requests_are_counted_by_template_however_many_paths_there_are() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for number in 0..50 {
        for path in
            [format!("/random/{number}"), format!("/api/clients/{number}"), format!("/api/verify/a/{number}")]
        {
            app.get(&path, &ada.key).send().await.unwrap();
        }
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        app.http.request(method, format!("{}/api/logs", app.url)).send().await.unwrap();
    }
    let lines = lines(&app).await;
    for expected in [
        "GET (unknown) 404 50",
        "GET /api/clients/{clientId} 404 50",
        "GET /api/verify/{path} 200 50",
        "OTHER /api/logs 405 50",
        "POST /api/register 201 1",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
    }
    assert_eq!(lines.len(), 7, "and nothing else: {lines:#?}");
}

#[tokio::test]
async fn whoever_is_not_let_in_is_counted() {
    let app = App::start();
    for _ in 0..60 {
        expect(app.get("/api/logs", "bad").send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    }
    expect(app.get("/api/logs", "bad").send().await.unwrap(), StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(lines(&app).await.last().unwrap(), "unknown 60 throttled 1");
}

#[tokio::test]
async fn a_token_keeps_strangers_away_and_guessing_is_limited() {
    let token = "a-token-of-prometheus";
    let app = App::with(&Options { metrics_token: Some(token.into()), ..Options::default() });
    let asked = |bearer: &str| app.request("GET", "/metrics").bearer_auth(bearer).send();
    let answer = asked(token).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text().await.unwrap().starts_with("Prometheus"));
    expect(app.request("GET", "/metrics").send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    for other in [app.admin_key.as_str(), "", "a-token-of-prometheu"] {
        expect(asked(other).await.unwrap(), StatusCode::UNAUTHORIZED).await;
    }
    for _ in 0..56 {
        asked("guess").await.unwrap();
    }
    expect(asked("guess").await.unwrap(), StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(asked(token).await.unwrap().status(), StatusCode::OK, "the holder is not held up");
}

#[tokio::test]
async fn prometheus_gets_what_it_asks_for() {
    let app = App::start();
    // As Prometheus 2 and 3 ask.
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    let answer = app.request("GET", "/metrics").header("accept", accept).send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(answer.text().await.unwrap().starts_with("OpenMetrics"));
}
