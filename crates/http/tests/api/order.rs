//! What is looked at first: who is calling, what he may do, and only then what he asks for.

use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{ManualClock, MemoryLimiter, MemoryStore};
use activity_domain::client::RateLimit;
use activity_domain::limit::Window;
use activity_domain::port::Clock;
use activity_domain::service::{Access, LimitPolicy, Limits, RegistrationMode};
use activity_domain::time::Timestamp;
use activity_http::auth::Authenticated;
use activity_http::token::Tokens;
use actix_web::FromRequest;
use actix_web::dev::Payload;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use futures_util::poll;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;

use crate::app::{App, Options, SECRET, expect};

const NETWORK: (&str, &str) = ("x-forwarded-for", "192.0.2.1");

/// Bodies that are none, too large, or of another kind.
fn bad_bodies(request: impl Fn() -> RequestBuilder) -> [RequestBuilder; 5] {
    let json = || request().header("content-type", "application/json");
    [
        request().body("x"),
        json().body("{"),
        json().body(r#"{"isActive":"?"}"#),
        json().body(" ".repeat(65 << 10)),
        json().header("content-encoding", "br").body("{}"),
    ]
}

/// A request that fails for another reason too is no way around the limit on failed authentications.
#[tokio::test]
async fn a_bad_key_counts_whatever_else_is_wrong() {
    let app = App::start();
    let place = |n: usize| match n % 3 {
        0 => app.request("GET", "/api/logs?x=1"),
        1 => app.request("GET", "/api/usage/daily?limit=x"),
        _ => app.request("POST", "/api/register").header("content-type", "text/plain").body("x"),
    };
    for n in 0..=60 {
        let request =
            place(n).header(NETWORK.0, NETWORK.1).header("x-api-key", format!("nobodys-key-{n:010}"));
        let status = if n < 60 { StatusCode::UNAUTHORIZED } else { StatusCode::TOO_MANY_REQUESTS };
        expect(request.send().await.unwrap(), status).await;
    }
}

#[tokio::test]
async fn who_may_not_is_told_so_whatever_he_asks_for() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let service = app.register("gateway", Some("service")).await;
    for path in [
        "/api/usage/top?hours=0",
        "/api/usage/top?x=1",
        "/api/clients?limit=0",
        "/api/clients?x=1",
        "/api/clients?cursor=%00",
    ] {
        expect(app.get(path, &ada.key).send().await.unwrap(), StatusCode::FORBIDDEN).await;
        expect(app.get(path, &app.admin_key).send().await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY).await;
        expect(app.request("GET", path).send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    }
    let place = format!("/api/clients/{}", ada.id);
    for key in [&ada.key, &service.key] {
        for request in bad_bodies(|| app.request("PATCH", &place).header("x-api-key", key)) {
            expect(request.send().await.unwrap(), StatusCode::FORBIDDEN).await;
        }
    }
    // Where a role may not do it at all, it costs no read either.
    for _ in 0..70 {
        expect(app.get("/api/usage/top", &ada.key).send().await.unwrap(), StatusCode::FORBIDDEN).await;
    }
}

#[tokio::test]
async fn closed_registration_does_not_look_at_bodies_of_others() {
    let app = App::with(&Options { mode: RegistrationMode::Admin, ..Options::default() });
    let ada = app.register("ada", None).await;
    for request in bad_bodies(|| app.request("POST", "/api/register")) {
        expect(request.send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    }
    for request in bad_bodies(|| app.request("POST", "/api/register").header("x-api-key", &ada.key)) {
        expect(request.send().await.unwrap(), StatusCode::FORBIDDEN).await;
    }
}

/// Once a network has failed too often, no token makes the store work that is not remembered as good.
#[tokio::test]
async fn tokens_of_clients_who_are_gone_wait_with_the_bad_keys() {
    let app = App::start();
    let gone = app.register("gone", None).await;
    let ada = app.register("ada", None).await;
    let path = format!("/api/clients/{}", gone.id);
    let erased = app.request("DELETE", &path).header("x-api-key", &app.admin_key).send().await.unwrap();
    assert_eq!(erased.status(), StatusCode::NO_CONTENT);
    let by = |token: &str| {
        app.request("GET", "/api/rate-limit").header(NETWORK.0, NETWORK.1).bearer_auth(token).send()
    };
    expect(by(&ada.token).await.unwrap(), StatusCode::OK).await;
    for _ in 0..60 {
        expect(by(&gone.token).await.unwrap(), StatusCode::UNAUTHORIZED).await;
    }
    app.store.cut_off();
    expect(by(&gone.token).await.unwrap(), StatusCode::TOO_MANY_REQUESTS).await;
    expect(by(&ada.token).await.unwrap(), StatusCode::OK).await;
}

#[tokio::test]
async fn a_registration_that_the_store_did_not_take_is_given_back() {
    let app = App::start();
    let register = |n: u32| {
        let body = json!({ "name": "x", "email": format!("x{n}@example.org") });
        app.request("POST", "/api/register").header(NETWORK.0, NETWORK.1).json(&body).send()
    };
    app.store.cut_off();
    for n in 0..25 {
        let answer = register(n).await.unwrap();
        assert!(!answer.headers().contains_key("ratelimit"));
        expect(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    app.store.heal();
    expect(register(0).await.unwrap(), StatusCode::CREATED).await;
}

/// A caller who hangs up before his key has been looked up has failed all the same.
#[test]
fn a_look_up_that_nobody_waits_for_counts() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let limit = RateLimit::parse(3).unwrap();
    let policy = LimitPolicy {
        window: Window::HOUR,
        reads_per_minute: limit,
        registrations_per_hour: limit,
        failures_per_minute: limit,
    };
    let access = Data::new(Access::new(Arc::new(MemoryStore::default()), clock.clone()));
    let limits = Data::new(Limits::new(Arc::new(MemoryLimiter::new(clock)), policy));
    let tokens = Data::new(Tokens::new(SECRET, Duration::from_hours(1)));
    let enter = || {
        let request = TestRequest::default().insert_header(("x-api-key", "a-key-of-nobody-at-all"));
        let request = request.app_data(access.clone()).app_data(limits.clone()).app_data(tokens.clone());
        Authenticated::from_request(&request.to_http_request(), &mut Payload::None)
    };
    actix_web::rt::System::new().block_on(async {
        for _ in 0..3 {
            let mut waiting = enter();
            assert!(poll!(&mut waiting).is_pending());
            drop(waiting);
        }
        let problem = enter().await.err().unwrap().to_string();
        assert!(problem.starts_with("429"), "{problem}");
    });
}
