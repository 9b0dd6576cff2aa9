//! What passes a gateway, and what does not.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Scene;
use crate::front::Kind;
use crate::support::until;

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The whole journey of callers through a gateway.
async fn callers_pass_or_do_not(kind: Kind) {
    let mut scene = Scene::of(kind).await;
    let ada = scene.client("ada", 100, 1).await;

    // Who passes is known to the service, whatever he says of himself.
    let call = scene.front.call(Method::POST, "/things/7?x=1", &ada.key).body("what to do");
    let spoofed = call.header("x-client-id", "CL-other").header("x-activity-id", "1");
    let answer = spoofed.header("x-verify-status", "200").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    if kind == Kind::Nginx {
        assert!(header(&answer, "ratelimit").starts_with("\"default\";r=99;"), "{answer:?}");
        assert_eq!(header(&answer, "ratelimit-policy"), "\"default\";q=100;w=3600");
    }
    let heard: Value = answer.json().await.unwrap();
    let told = json!([heard["method"], heard["uri"], heard["body"], heard["headers"]["x-client-id"]]);
    assert_eq!(told, json!(["POST", "/things/7?x=1", "what to do", ada.id]));
    assert_eq!(heard["headers"]["x-api-key"], Value::Null);
    let id = heard["headers"]["x-activity-id"].as_str().unwrap().to_owned();
    assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);

    // The service posts how it ended.
    let service = scene.tracker.register("service", "service").await;
    let event =
        json!({ "id": id, "clientId": ada.id, "endpoint": "/things/7", "method": "POST", "statusCode": 201 });
    let posted =
        scene.tracker.post(&service.key).header("prefer", "wait=10").json(&event).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::CREATED);
    assert_eq!(scene.recorded().await.len(), 1);

    // Nobody, and nobody known.
    let url = scene.front.call(Method::GET, "/things", "atk_junk");
    let unknown = url.send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&unknown, "www-authenticate").starts_with("Bearer"));

    // Limits of endpoints: the path is the gateway's word, not the caller's.
    let reports = |path: &str, name: &'static str| {
        scene.front.call(Method::GET, path, &ada.key).header(name, "/things").send()
    };
    assert_eq!(reports("/reports/1", "x-request-id").await.unwrap().status(), StatusCode::CREATED);
    for name in ["x-original-uri", "x-forwarded-uri", "x-request-id"] {
        let over = reports("/%72eports//2", name).await.unwrap();
        assert_eq!(over.status(), StatusCode::TOO_MANY_REQUESTS, "{name}");
        assert!(header(&over, "retry-after").parse::<u64>().unwrap() > 0);
        assert!(header(&over, "ratelimit").contains("\"reports\";r=0"));
        let problem: Value = over.json().await.unwrap();
        assert!(problem["type"].as_str().unwrap().ends_with("#quota-exceeded"), "{problem}");
    }

    scene.change(&ada, &json!({ "isActive": false })).await;
    let call = || scene.front.call(Method::GET, "/things", &ada.key).send();
    until("the deactivation", Duration::from_secs(20), async || {
        (call().await.unwrap().status() == StatusCode::FORBIDDEN).then_some(())
    })
    .await;
    let before = scene.behind.calls();
    scene.tracker.kill();
    let answer = scene.front.call(Method::GET, "/things", &ada.key).send().await.unwrap();
    assert!(answer.status().is_server_error(), "{answer:?}");
    assert_eq!(scene.behind.calls(), before, "without the tracker nobody passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_lets_pass_who_may() {
    callers_pass_or_do_not(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_lets_pass_who_may() {
    callers_pass_or_do_not(Kind::Caddy).await;
}

/// As many as the limit, of many at once.
async fn the_limit_is_exact(kind: Kind) {
    let scene = Scene::of(kind).await;
    let ada = scene.client("ada", 300, 1_000).await;
    let before = scene.behind.calls();
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let call = scene.front.call(Method::GET, "/things", &ada.key);
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                for _ in 0..10 {
                    statuses.push(call.try_clone().unwrap().send().await.unwrap().status().as_u16());
                }
                statuses
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for caller in callers {
        statuses.extend(caller.await.unwrap());
    }
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(201), count(429)), (300, 340), "{statuses:?}");
    assert_eq!(scene.behind.calls() - before, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_exact_through_nginx() {
    the_limit_is_exact(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_exact_through_caddy() {
    the_limit_is_exact(Kind::Caddy).await;
}
