//! What gateways ask, and what they are told.

use std::sync::atomic::Ordering;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, Options, Registered, event, expect, pointer};

/// A client with a limit for everything, and one for `/v1/reports`.
async fn limited(app: &App, limit: u64, reports: u64) -> Registered {
    let ada = app.register("ada", None).await;
    let limits = json!([{ "name": "reports", "limit": reports, "window": 3_600, "endpoint": "/v1/reports" }]);
    let change = json!({ "rateLimit": limit, "limits": limits });
    let path = format!("/api/clients/{}", ada.id);
    let changed = app.request("PATCH", &path).header("x-api-key", &app.admin_key).json(&change);
    expect(changed.send().await.unwrap(), StatusCode::OK).await;
    ada
}

/// As nginx asks.
fn ask(app: &App, key: &str, query: &str, uri: &str) -> RequestBuilder {
    let request = app.get(&format!("/api/verify{query}"), key);
    request.header("x-original-uri", uri).header("x-original-method", "PUT")
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn left(app: &App, of: &Registered) -> Vec<u64> {
    let own = expect(answer(app.get("/api/rate-limit", &of.key)).await, StatusCode::OK).await;
    own["policies"].as_array().unwrap().iter().map(|policy| policy["remaining"].as_u64().unwrap()).collect()
}

async fn rows(app: &App, query: &str) -> Vec<Value> {
    let page = answer(app.get(&format!("/api/logs?{query}"), &app.admin_key)).await;
    expect(page, StatusCode::OK).await["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_may_pass_passes_and_pays_one() {
    let app = App::start();
    let ada = limited(&app, 3, 10).await;
    for left in [2, 1, 0] {
        let passed = answer(ask(&app, &ada.key, "", "/v1/things?x=1")).await;
        assert_eq!((passed.status(), header(&passed, "x-client-id")), (StatusCode::OK, ada.id.as_str()));
        assert_eq!(Uuid::parse_str(header(&passed, "x-activity-id")).unwrap().get_version_num(), 7);
        assert_eq!(header(&passed, "x-ratelimit-remaining"), left.to_string());
        assert_eq!(passed.text().await.unwrap(), "");
    }
    let over = answer(ask(&app, &ada.key, "", "/v1/things")).await;
    assert!(header(&over, "retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!((header(&over, "x-client-id"), header(&over, "x-verify-status")), ("", ""));
    let problem = expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(problem["type"].as_str().unwrap().ends_with("#quota-exceeded"));
    assert!(rows(&app, "").await.is_empty(), "asking records nothing");
}

#[tokio::test]
async fn a_token_and_a_post_do_as_well() {
    let app = App::start();
    let ada = limited(&app, 3, 10).await;
    let asked = app.request("POST", "/api/verify").bearer_auth(&ada.token).body("whatever the caller sent");
    let passed = answer(asked).await;
    assert_eq!((passed.status(), header(&passed, "x-client-id")), (StatusCode::OK, ada.id.as_str()));
}

#[tokio::test]
async fn services_and_admins_pass_without_a_limit() {
    let app = App::start();
    let service = app.register("gateway", Some("service")).await;
    for key in [&service.key, &app.admin_key] {
        let passed = answer(ask(&app, key, "", "/v1/things")).await;
        assert_eq!((passed.status(), header(&passed, "ratelimit")), (StatusCode::OK, ""));
    }
}

#[tokio::test]
async fn a_no_is_what_it_is_and_for_nginx_always_401_or_403() {
    let app = App::start();
    let ada = limited(&app, 1, 10).await;
    let off = app.register("off", None).await;
    let path = format!("/api/clients/{}", off.id);
    let changed = app.request("PATCH", &path).header("x-api-key", &app.admin_key);
    expect(answer(changed.json(&json!({ "isActive": false }))).await, StatusCode::OK).await;
    answer(ask(&app, &ada.key, "", "/")).await;
    let no = [
        (app.request("GET", "/api/verify"), 401, 401),
        (app.get("/api/verify", "atk_junk"), 401, 401),
        (app.get("/api/verify", &off.key), 403, 403),
        (app.get("/api/verify", &ada.key), 429, 403),
        (ask(&app, &ada.key, "", "/").header("x-forwarded-uri", "/v1"), 400, 403),
    ];
    for (asked, status, by_403) in no {
        let found = answer(asked.try_clone().unwrap()).await;
        assert_eq!(header(&found, "www-authenticate").is_empty(), status != 401);
        assert_eq!(header(&found, "x-verify-status"), "");
        expect(found, StatusCode::from_u16(status).unwrap()).await;
        let mut asked = asked.build().unwrap();
        asked.url_mut().query_pairs_mut().append_pair("deny", "403");
        let found = app.http.execute(asked).await.unwrap();
        assert_eq!(header(&found, "x-verify-status"), status.to_string());
        assert_eq!(header(&found, "retry-after").is_empty(), status != 429);
        expect(found, StatusCode::from_u16(by_403).unwrap()).await;
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_told_to_those_who_are_let_in() {
    let app = App::start();
    let ada = limited(&app, 10, 10).await;
    for (query, named) in [("?deny=429", "?deny"), ("?record=maybe", "?record"), ("?recod=true", "?recod")] {
        expect(answer(app.get(&format!("/api/verify{query}"), "junk")).await, StatusCode::UNAUTHORIZED).await;
        let found = answer(ask(&app, &ada.key, query, "/")).await;
        let problem = expect(found, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), named);
    }
    assert_eq!(left(&app, &ada).await[0], 10);
}

#[tokio::test]
async fn limits_of_endpoints_count_however_the_path_is_spelt() {
    let app = App::start();
    let ada = limited(&app, 100, 5).await;
    for uri in
        ["/v1/reports/7?x", "//v1/./reports", "/v1/x/../reports", "/v1/%72eports/", "https://h/v1/reports"]
    {
        assert_eq!(answer(ask(&app, &ada.key, "", uri)).await.status(), StatusCode::OK, "{uri}");
    }
    let over = answer(ask(&app, &ada.key, "", "/v1/reports")).await;
    let problem = expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(problem["detail"].as_str().unwrap().contains("reports"), "{problem}");
    assert_eq!(answer(ask(&app, &ada.key, "", "/v1/reportsx")).await.status(), StatusCode::OK);
    assert_eq!(left(&app, &ada).await, [94, 0]);
    let by_traefik = app.get("/api/verify", &ada.key).header("x-forwarded-uri", "/v1/reports");
    expect(answer(by_traefik).await, StatusCode::TOO_MANY_REQUESTS).await;
}

#[tokio::test]
async fn headers_of_strangers_are_not_believed() {
    let app = App::with(&Options { proxies: "192.0.2.0/24", ..Options::default() });
    let ada = limited(&app, 100, 1).await;
    for _ in 0..3 {
        assert_eq!(answer(ask(&app, &ada.key, "", "/v1/reports")).await.status(), StatusCode::OK);
        assert_eq!(answer(app.get("/api/verify/v1/reports", &ada.key)).await.status(), StatusCode::OK);
    }
    assert_eq!(left(&app, &ada).await, [94, 1]);
    let recorded = answer(ask(&app, &ada.key, "?record=true", "/v1/things")).await;
    let problem = expect(recorded, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(problem["detail"].as_str().unwrap().contains("TRUSTED_PROXIES"));
    assert_eq!(left(&app, &ada).await, [94, 1]);
}

#[tokio::test]
async fn envoy_asks_by_method_and_path_and_its_query_is_the_callers() {
    let app = App::start();
    let ada = limited(&app, 100, 2).await;
    for (method, path) in [("DELETE", "/v1/reports/7"), ("OPTIONS", "/v1/reports?record=true&deny=403")] {
        let asked = app.request(method, &format!("/api/verify{path}")).header("x-api-key", &ada.key);
        let passed = answer(asked).await;
        assert_eq!((passed.status(), header(&passed, "x-client-id")), (StatusCode::OK, ada.id.as_str()));
    }
    let over = answer(app.get("/api/verify/v1/reports?deny=403", &ada.key)).await;
    expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    expect(answer(app.request("GET", "/api/verify/")).await, StatusCode::UNAUTHORIZED).await;
    assert!(rows(&app, "").await.is_empty());
}

#[tokio::test]
async fn the_finished_call_is_posted_under_its_id_at_no_further_cost() {
    let app = App::start();
    let ada = limited(&app, 10, 10).await;
    let service = app.register("gateway", Some("service")).await;
    let passed = answer(ask(&app, &ada.key, "", "/v1/things")).await;
    let mut finished = event();
    finished["id"] = header(&passed, "x-activity-id").into();
    finished["clientId"] = ada.id.clone().into();
    for _ in 0..2 {
        let posted = answer(app.post("/api/logs", &service.key, &finished)).await;
        expect(posted, StatusCode::ACCEPTED).await;
    }
    let rows = rows(&app, "").await;
    assert_eq!((rows.len(), &rows[0]["id"]), (1, &finished["id"]));
    assert_eq!(left(&app, &ada).await[0], 9);
}

#[tokio::test]
async fn a_call_is_recorded_at_once_without_a_status() {
    let app = App::start();
    let ada = limited(&app, 2, 10).await;
    let asked = ask(&app, &ada.key, "?record=true", "/v1/things/7?secret=1");
    let passed = answer(asked.header("user-agent", "tests").header("x-forwarded-for", "198.51.100.7")).await;
    let id = header(&passed, "x-activity-id").to_owned();
    assert_eq!(passed.status(), StatusCode::OK);
    let found = rows(&app, "status=unknown").await;
    let told = ["id", "clientId", "endpoint", "method", "statusCode", "ipAddress", "userAgent"];
    let told: Vec<&Value> = told.iter().map(|name| &found[0][name]).collect();
    let row = json!([id, ada.id, "/v1/things/7", "PUT", null, "198.51.100.7", "tests"]);
    assert_eq!((found.len(), json!(told)), (1, row));
    assert!(rows(&app, "status=2xx").await.is_empty());
    let csv = app.get("/api/logs", &app.admin_key).header("accept", "text/csv");
    assert!(answer(csv).await.text().await.unwrap().contains("/v1/things/7,PUT,,,"));

    let daily = expect(answer(app.get("/api/usage/daily?days=2", &ada.key)).await, StatusCode::OK).await;
    assert_eq!((&daily["data"][0]["requestCount"], &daily["data"][0]["errorCount"]), (&json!(1), &json!(0)));
    let now = app.now();
    let (from, to) = (now.plus_seconds(-3_600), now.plus_seconds(3_600));
    let path = format!("/api/usage/series?from={from}&to={to}&bucket=1h&groupBy=status");
    let series = expect(answer(app.get(&path, &ada.key)).await, StatusCode::OK).await;
    assert_eq!(series["series"][0]["group"], "unknown");

    // It is a call of its own limit, and what is over it is not recorded.
    answer(ask(&app, &ada.key, "", "/")).await;
    let over = answer(ask(&app, &ada.key, "?record=true", "/v1/things")).await;
    expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(rows(&app, "").await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_pass_and_costs_nothing() {
    let app = App::start();
    let ada = limited(&app, 2, 10).await;
    app.recorder.is_full.store(true, Ordering::SeqCst);
    for (query, status) in [("?record=true", 503), ("?record=true&deny=403", 403)] {
        let found = answer(ask(&app, &ada.key, query, "/v1/things")).await;
        assert!(!header(&found, "retry-after").is_empty() && header(&found, "ratelimit").is_empty());
        expect(found, StatusCode::from_u16(status).unwrap()).await;
    }
    assert_eq!(left(&app, &ada).await[0], 2);
    assert_eq!(answer(ask(&app, &ada.key, "", "/v1/things")).await.status(), StatusCode::OK);
    app.recorder.is_full.store(false, Ordering::SeqCst);
    let root = answer(ask(&app, &app.admin_key, "?record=true", "/v1/things")).await;
    expect(root, StatusCode::FORBIDDEN).await;
    assert!(rows(&app, "").await.is_empty());
}
