//! Limits as callers meet them.

use std::sync::atomic::Ordering;

use activity_adapter_memory::SeededRandomness;
use activity_domain::client::{
    Client, ClientLimit, ClientLimits, ClientName, EndpointPrefix, LimitName, RateLimit, Role,
};
use activity_domain::id::ClientId;
use activity_domain::key::{ApiKey, KeyRecord};
use activity_domain::limit::Window;
use activity_domain::port::ClientRepo;
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
    assert_eq!(app.store.rows().await.len(), 10);
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
        let answer = post(&app, &ada.key, 2).await;
        assert!(!answer.headers().contains_key("ratelimit"), "where it stood before it was given back");
        expect(answer, StatusCode::SERVICE_UNAVAILABLE).await;
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
    assert_eq!((admitted, app.store.rows().await.len()), (200, 200));
}

#[tokio::test]
async fn many_reads_of_one_client_wait_for_their_turn_and_others_do_not() {
    let app = App::start();
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let ask = |of: &Registered| app.get(&format!("/api/clients/{}", of.id), &of.key).send();
    for client in [&ada, &bob] {
        expect(ask(client).await.unwrap(), StatusCode::OK).await;
    }
    app.store.hold_accounts();
    let asking: Vec<_> = (0..5).map(|_| tokio::spawn(ask(&ada))).collect();
    while !asking.iter().filter(|asking| asking.is_finished()).count().eq(&2) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let others = app.get("/api/usage/daily", &bob.key).send().await.unwrap();
    app.store.heal();
    let mut answers = Vec::new();
    for asking in asking {
        let answer = asking.await.unwrap().unwrap();
        answers.push((answer.status().as_u16(), answer.headers().contains_key("retry-after")));
    }
    answers.sort_unstable();
    assert_eq!(answers, [(200, false), (200, false), (200, false), (429, true), (429, true)]);
    expect(ask(&ada).await.unwrap(), StatusCode::OK).await;
    expect(others, StatusCode::OK).await;
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
    let root = app.get("/api/clients/CL-admin/rate-limit", &app.admin_key).send().await.unwrap();
    assert_eq!(expect(root, StatusCode::OK).await["policies"], json!([]));
    let nobody = app.get("/api/clients/CL-nobody/rate-limit", &app.admin_key).send().await.unwrap();
    expect(nobody, StatusCode::NOT_FOUND).await;
}

/// A client with limits besides its rate limit, straight into the store.
async fn with_limits(app: &App, rate_limit: i64, limits: Vec<ClientLimit>) -> Registered {
    let (id, key) = ApiKey::generate(&SeededRandomness::new(1));
    let record = KeyRecord { id, digest: key.digest(), created_at: app.now(), expires_at: None };
    let client = Client {
        id: ClientId::parse("CL-limits").unwrap(),
        name: ClientName::parse("limits").unwrap(),
        email: None,
        role: Role::Client,
        rate_limit: RateLimit::parse(rate_limit).unwrap(),
        limits: ClientLimits::parse(limits).unwrap(),
        is_active: true,
        created_at: app.now(),
    };
    app.store.insert(&client, Some(&record)).await.unwrap();
    Registered { id: client.id.to_string(), key: key.reveal().to_owned(), token: String::new() }
}

fn limit(name: &str, limit: i64, window: i64, endpoint: Option<&str>) -> ClientLimit {
    ClientLimit {
        name: LimitName::parse(name).unwrap(),
        limit: RateLimit::parse(limit).unwrap(),
        window: Window::parse(window).unwrap(),
        endpoint: endpoint.map(|path| EndpointPrefix::parse(path).unwrap()),
        shadow: false,
    }
}

/// So many events on each of some endpoints, in one request.
async fn post_to(app: &App, key: &str, events: &[(&str, usize)]) -> Response {
    let of = |endpoint: &str| {
        let mut event = event();
        event["endpoint"] = endpoint.into();
        event
    };
    let events = events.iter().flat_map(|(endpoint, count)| vec![of(endpoint); *count]);
    app.post("/api/logs", key, &events.collect()).send().await.unwrap()
}

async fn remaining(app: &App, key: &str) -> Vec<u64> {
    let own = expect(app.get("/api/rate-limit", key).send().await.unwrap(), StatusCode::OK).await;
    let policies = own["policies"].as_array().unwrap();
    policies.iter().map(|policy| policy["remaining"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_costs_each_limit_what_falls_under_it_all_or_nothing() {
    let app = App::start();
    let limits = vec![limit("burst", 60, 60, None), limit("export", 8, 7_200, Some("/export"))];
    let ada = with_limits(&app, 100, limits).await;
    let fifty = [("/export/x", 5), ("/exports", 45)];
    let first = post_to(&app, &ada.key, &fifty).await;
    assert_eq!(
        header(&first, "ratelimit-policy"),
        "\"default\";q=100;w=3600, \"burst\";q=60;w=60, \"export\";q=8;w=7200"
    );
    let states = header(&first, "ratelimit");
    let rest: Vec<&str> = states.split(", ").map(|state| state.split(";t=").next().unwrap()).collect();
    assert_eq!(rest, ["\"default\";r=50", "\"burst\";r=10", "\"export\";r=3"]);
    assert_eq!(header(&first, "x-ratelimit-limit"), "100");
    assert_eq!(header(&first, "x-ratelimit-remaining"), "50");
    expect(first, StatusCode::ACCEPTED).await;

    // Too much for one of them takes nothing from any.
    for (events, by) in [([("/export", 4), ("/x", 6)], "export"), ([("/export", 3), ("/x", 8)], "burst")] {
        let over = post_to(&app, &ada.key, &events).await;
        let problem = expect(over, StatusCode::TOO_MANY_REQUESTS).await;
        assert!(problem["detail"].as_str().unwrap().contains(&format!("\"{by}\"")), "{problem}");
        assert_eq!(remaining(&app, &ada.key).await, [50, 10, 3]);
    }
    // What the endpoint's limit refuses may go elsewhere; that limit then has no say and no header.
    let elsewhere = post_to(&app, &ada.key, &[("/x", 10)]).await;
    assert!(!header(&elsewhere, "ratelimit-policy").contains("export"));
    expect(elsewhere, StatusCode::ACCEPTED).await;
    assert_eq!(remaining(&app, &ada.key).await, [40, 0, 3]);
    let never =
        expect(post_to(&app, &ada.key, &[("/export", 9)]).await, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(never["detail"].as_str().unwrap().contains("8, the limit of the quota \"export\""), "{never}");
    assert_eq!(app.store.rows().await.len(), 60);

    // What then cannot be recorded is given back to each.
    app.clock.advance(62);
    app.recorder.is_full.store(true, Ordering::SeqCst);
    expect(post_to(&app, &ada.key, &[("/export", 2), ("/x", 1)]).await, StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert_eq!(remaining(&app, &ada.key).await, [40, 60, 3]);
}

#[tokio::test]
async fn a_retry_at_retry_after_passes_all_limits() {
    let app = App::start();
    let limits = vec![limit("burst", 4, 10, None), limit("export", 3, 7_200, Some("/export"))];
    let ada = with_limits(&app, 6, limits).await;
    let both = [("/export", 1), ("/x", 1)];
    for wait in [0, 11, 3_590] {
        app.clock.advance(wait);
        expect(post_to(&app, &ada.key, &both).await, StatusCode::ACCEPTED).await;
    }
    // All three are over; the export's limit takes longest.
    let over = post_to(&app, &ada.key, &[("/export", 1), ("/x", 3)]).await;
    let wait: i64 = header(&over, "retry-after").parse().unwrap();
    let problem = expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(problem["detail"].as_str().unwrap().contains("\"export\""), "{problem}");
    assert!((3_599..=3_721).contains(&wait), "{wait}");
    app.clock.advance(wait);
    expect(post_to(&app, &ada.key, &[("/export", 1), ("/x", 3)]).await, StatusCode::ACCEPTED).await;
}

#[tokio::test]
async fn a_shadow_limit_reports_and_refuses_nothing() {
    let app = App::start();
    let tried = ClientLimit { shadow: true, ..limit("tried", 3, 60, Some("/export")) };
    let ada = with_limits(&app, 100, vec![tried, limit("burst", 50, 60, None)]).await;
    for (count, over) in [(2, false), (2, true), (1, false), (9, true), (1, true)] {
        let answer = post_to(&app, &ada.key, &[("/export", count), ("/x", 1)]).await;
        let reported = answer.headers().get("x-ratelimit-shadow").map(|value| value.to_str().unwrap());
        assert_eq!(reported, over.then_some("\"tried\""), "{count}");
        assert_eq!(header(&answer, "ratelimit-policy"), "\"default\";q=100;w=3600, \"burst\";q=50;w=60");
        expect(answer, StatusCode::ACCEPTED).await;
    }
    assert_eq!(remaining(&app, &ada.key).await, [80, 0, 30]);
    let own = expect(app.get("/api/rate-limit", &ada.key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(
        own["policies"],
        json!([
            { "name": "default", "limit": 100, "window": 3_600, "remaining": 80 },
            { "name": "tried", "limit": 3, "window": 60, "remaining": 0, "endpoint": "/export", "shadow": true },
            { "name": "burst", "limit": 50, "window": 60, "remaining": 30 },
        ])
    );
    let path = format!("/api/clients/{}/rate-limit", ada.id);
    let seen = expect(app.get(&path, &app.admin_key).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&seen["policies"], &seen["remaining"]), (&own["policies"], &json!(80)));
    // A refused call is no matter of shadow limits.
    let over = post_to(&app, &ada.key, &[("/export", 31)]).await;
    assert!(!over.headers().contains_key("x-ratelimit-shadow"));
    expect(over, StatusCode::TOO_MANY_REQUESTS).await;
    let reset = app.request("DELETE", &path).header("x-api-key", &app.admin_key).send().await.unwrap();
    assert_eq!(reset.status(), StatusCode::NO_CONTENT);
    assert_eq!(remaining(&app, &ada.key).await, [100, 3, 50]);
}

#[tokio::test]
async fn an_admin_gives_limits_and_takes_them_away() {
    let app = App::start();
    let ada = limited(&app, 1_000).await;
    let path = format!("/api/clients/{}", ada.id);
    let change = |limits: Value| {
        app.request("PATCH", &path).header("x-api-key", &app.admin_key).json(&json!({ "limits": limits }))
    };
    let export = async || {
        let mut export = event();
        export["endpoint"] = json!("/export/all");
        app.post("/api/logs", &ada.key, &json!([export, event()])).send().await.unwrap()
    };
    let limits = json!([{ "name": "export", "limit": 1, "window": 60, "endpoint": "/export" }]);
    let changed = expect(change(limits.clone()).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(changed["limits"], limits);
    expect(export().await, StatusCode::ACCEPTED).await;
    let over = expect(export().await, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(over["detail"].as_str().unwrap().contains("export"), "{over}");
    // What is not below the path goes on.
    expect(post(&app, &ada.key, 1).await, StatusCode::ACCEPTED).await;
    expect(change(json!([])).send().await.unwrap(), StatusCode::OK).await;
    expect(export().await, StatusCode::ACCEPTED).await;

    let bad = json!([limits[0], { "name": "default", "limit": 1, "window": 60 }]);
    let refused = expect(change(bad).send().await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(crate::app::pointer(&refused), "#/limits/1/name");
    let unknown = json!([{ "name": "a", "limit": 1, "window": 60, "colour": "red" }]);
    let refused = expect(change(unknown).send().await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(crate::app::pointer(&refused), "#/limits/0/colour");
}

#[tokio::test]
async fn a_lowered_limit_acts_at_once() {
    let app = App::start();
    let ada = limited(&app, 10).await;
    expect(post(&app, &ada.key, 5).await, StatusCode::ACCEPTED).await;
    let path = format!("/api/clients/{}", ada.id);
    let lower =
        app.request("PATCH", &path).header("x-api-key", &app.admin_key).json(&json!({ "rateLimit": 5 }));
    expect(lower.send().await.unwrap(), StatusCode::OK).await;
    expect(post(&app, &ada.key, 1).await, StatusCode::TOO_MANY_REQUESTS).await;
}
