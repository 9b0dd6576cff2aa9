//! Who may do what: every operation of the OpenAPI document for every kind of caller.

use std::sync::atomic::{AtomicU8, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, Registered, SECRET, event, expect};
use crate::streams::ws::upgrading;

/// The callers, in the order of the table's columns. Where a path names a client, that is `own`.
const CALLERS: [&str; 6] = ["nobody", "other client", "own", "service", "admin", "own by token"];

/// What is 401 wherever something is asked for, and only there.
const BAD: [&str; 7] = [
    "bogus key",
    "foreign token",
    "token without signature",
    "token of another secret",
    "expired token",
    "token without claims",
    "token of a revoked key",
];

/// Operation, and the status for each caller with a request that is otherwise right.
const TABLE: &[(&str, [u16; 6])] = &[
    ("post /api/register", [201; 6]),
    ("post /api/token", [401, 200, 200, 200, 200, 403]),
    ("post /api/logs", [401, 202, 202, 202, 202, 202]),
    ("get /api/logs", [401, 200, 200, 200, 200, 200]),
    ("get /api/usage/series", [401, 200, 200, 200, 200, 200]),
    ("get /api/usage/endpoints", [401, 200, 200, 200, 200, 200]),
    ("get /api/usage/daily", [401, 200, 200, 200, 200, 200]),
    ("get /api/usage/top", [401, 403, 403, 200, 200, 403]),
    ("get /api/usage/stream", [401, 200, 200, 200, 200, 200]),
    ("get /api/ws", [401, 101, 101, 101, 101, 101]),
    ("post /api/stream-tickets", [401, 200, 200, 200, 200, 200]),
    ("get /api/verify", [401, 200, 200, 200, 200, 200]),
    ("post /api/verify", [401, 200, 200, 200, 200, 200]),
    ("get /api/rate-limit", [401, 200, 200, 200, 200, 200]),
    ("get /api/clients", [401, 403, 403, 403, 200, 403]),
    ("get /api/clients/{clientId}", [401, 404, 200, 404, 200, 200]),
    ("patch /api/clients/{clientId}", [401, 403, 403, 403, 200, 403]),
    ("delete /api/clients/{clientId}", [401, 403, 403, 403, 204, 403]),
    ("post /api/clients/{clientId}/keys", [401, 404, 201, 404, 201, 201]),
    ("delete /api/clients/{clientId}/keys/{keyId}", [401, 404, 204, 404, 204, 204]),
    ("get /api/clients/{clientId}/rate-limit", [401, 403, 403, 403, 200, 403]),
    ("delete /api/clients/{clientId}/rate-limit", [401, 403, 403, 403, 204, 403]),
    ("get /api/cache/stats", [401, 403, 403, 403, 200, 403]),
    ("post /api/cache/prewarm", [401, 403, 403, 403, 200, 403]),
    ("get /livez", [200; 6]),
    ("get /readyz", [200; 6]),
    ("get /health-check", [200; 6]),
    ("get /metrics", [200; 6]),
    ("get /api-docs", [200; 6]),
    ("get /api-docs/openapi.json", [200; 6]),
];

/// Paths that ask nobody who he is.
fn is_open(path: &str) -> bool {
    !path.starts_with("/api/")
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_documented() {
    let app = App::start();
    let other = app.register("other", None).await;
    let service = app.register("service", Some("service")).await;
    let document = activity_http::app::document();
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = format!("{method} {path}");
            let row = TABLE.iter().find(|(operation, _)| *operation == name);
            let (_, statuses) = row.unwrap_or_else(|| panic!("{name} has no row in the table of walls"));
            for (number, (caller, status)) in CALLERS.iter().zip(statuses).enumerate() {
                // Some operations end their client, so each call has one of its own.
                let own = app.register(&format!("own-{seen}-{number}"), None).await;
                let request = call(&app, method, path, caller, &own);
                let request = match *caller {
                    "nobody" => request,
                    "other client" => request.header("x-api-key", &other.key),
                    "own" => request.header("x-api-key", &own.key),
                    "service" => request.header("x-api-key", &service.key),
                    "admin" => request.header("x-api-key", &app.admin_key),
                    _ => request.bearer_auth(&own.token),
                };
                check(&name, operation, caller, request, *status).await;
            }
            let own = app.register(&format!("own-{seen}-bad"), None).await;
            let revoked = revoked_token(&app, &own).await;
            for caller in BAD {
                let status = if is_open(path) { 200 } else { 401 };
                let request = call(&app, method, path, caller, &own);
                let request = match caller {
                    "bogus key" => request.header("x-api-key", "atk_bogus-key-of-nobody"),
                    "foreign token" => request.bearer_auth(foreign_token(&own.token)),
                    "token of a revoked key" => request.bearer_auth(&revoked),
                    _ => request.bearer_auth(forged(&own, caller)),
                };
                check(&name, operation, caller, request, status).await;
            }
            seen += 1;
        }
    }
    assert_eq!(seen, TABLE.len(), "the table has rows for operations that are not there");
}

/// From a network of its own each time, so that failures do not add up.
fn call(app: &App, method: &str, path: &str, caller: &str, own: &Registered) -> RequestBuilder {
    static CALLS: [AtomicU8; 2] = [const { AtomicU8::new(0) }; 2];
    let low = CALLS[0].fetch_add(1, Ordering::Relaxed);
    let high = if low == u8::MAX {
        CALLS[1].fetch_add(1, Ordering::Relaxed)
    } else {
        CALLS[1].load(Ordering::Relaxed)
    };
    let place = path.replace("{clientId}", &own.id).replace("{keyId}", key_id(&own.key));
    let request = app.request(&method.to_uppercase(), &place);
    let request = request.header("x-forwarded-for", format!("198.18.{high}.{low}"));
    let request = if path == "/api/ws" { upgrading(request) } else { request };
    match method {
        "post" | "patch" => request.json(&body(method, path, caller, &own.id)),
        _ => request,
    }
}

async fn check(name: &str, operation: &Value, caller: &str, request: RequestBuilder, status: u16) {
    let answer = request.send().await.unwrap();
    let (found, is_page) = (answer.status(), name == "get /api-docs");
    assert_eq!(found, StatusCode::from_u16(status).unwrap(), "{name} for {caller}");
    // Redirects are followed, so the page behind answers for them.
    assert!(
        is_page || operation["responses"].get(status.to_string()).is_some(),
        "{name}: {status} is not documented"
    );
}

fn body(method: &str, path: &str, caller: &str, client: &str) -> Value {
    match (method, path) {
        ("post", "/api/register") => {
            let local = caller.replace(' ', "-");
            json!({ "name": caller, "email": format!("{local}@walls.example") })
        }
        ("post", "/api/logs") => {
            let mut event = event();
            if matches!(caller, "service" | "admin") {
                event["clientId"] = json!(client);
            }
            event
        }
        ("patch", _) => json!({ "name": "renamed" }),
        _ => json!({}),
    }
}

/// The id within a key.
pub fn key_id(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

/// The same claims under another signature.
fn foreign_token(token: &str) -> String {
    let (head, signature) = token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    format!("{head}.{flipped}")
}

/// A token of a client's second key, which then was revoked. The first one stays.
async fn revoked_token(app: &App, own: &Registered) -> String {
    let keys = format!("/api/clients/{}/keys", own.id);
    let issued =
        expect(app.post(&keys, &own.key, &json!({})).send().await.unwrap(), StatusCode::CREATED).await;
    let key = issued["apiKey"].as_str().unwrap();
    let token = expect(app.post("/api/token", key, &json!({})).send().await.unwrap(), StatusCode::OK).await;
    let revoke = app.request("DELETE", &format!("{keys}/{}", key_id(key))).header("x-api-key", key);
    assert_eq!(revoke.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    token["token"].as_str().unwrap().to_owned()
}

/// A token with one thing wrong.
fn forged(own: &Registered, what: &str) -> String {
    let now = get_current_timestamp();
    let mut claims = json!({
        "iss": "activity-tracker", "aud": "activity-tracker-api", "sub": own.id, "kid": key_id(&own.key),
        "iat": now - 60, "nbf": now - 60, "exp": now + 60,
    });
    let sign = |claims: &Value, secret: &[u8]| {
        encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    match what {
        "token without signature" => {
            let token = sign(&claims, SECRET);
            // {"alg":"none","typ":"JWT"}
            format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", token.split('.').nth(1).unwrap())
        }
        "token of another secret" => sign(&claims, b"another secret, as long as it has to be"),
        "expired token" => {
            claims["exp"] = json!(now - 30);
            sign(&claims, SECRET)
        }
        _ => sign(&json!({ "sub": own.id, "kid": key_id(&own.key) }), SECRET),
    }
}

/// Were it not for what is wrong with them, the forged tokens would be good.
#[tokio::test]
async fn a_token_with_nothing_wrong_is_good() {
    let app = App::start();
    let own = app.register("own", None).await;
    let now = get_current_timestamp();
    let claims = json!({
        "iss": "activity-tracker", "aud": "activity-tracker-api", "sub": own.id, "kid": key_id(&own.key),
        "iat": now - 60, "nbf": now - 60, "exp": now + 60,
    });
    let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
    let answer = app.request("GET", "/api/rate-limit").bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
