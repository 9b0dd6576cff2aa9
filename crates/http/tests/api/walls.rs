//! Who may do what: every operation of the OpenAPI document for every kind of caller. What is expected stands in
//! the document, as `x-roles`: an operation of which nobody has said who may call it fails.

use std::sync::atomic::{AtomicU8, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, Registered, SECRET, event, expect};
use crate::streams::ws::upgrading;

/// The callers. Where a path names a client, that is `own`.
const CALLERS: [&str; 7] =
    ["nobody", "other client", "own", "service", "admin", "own by token", "deactivated"];

/// What is 401 wherever something is asked for, and only there.
const BAD: [&str; 9] = [
    "bogus key",
    "junk",
    "revoked key",
    "foreign token",
    "token without signature",
    "token of another secret",
    "expired token",
    "token without claims",
    "token of a revoked key",
];

/// Those who are the same for all operations.
struct Others {
    other: Registered,
    service: Registered,
    deactivated: Registered,
    revoked: Registered,
    revoked_token: String,
}

impl Others {
    async fn of(app: &App) -> Self {
        let deactivated = app.register("deactivated", None).await;
        let place = format!("/api/clients/{}", deactivated.id);
        let off = app.request("PATCH", &place).header("x-api-key", &app.admin_key);
        expect(off.json(&json!({ "isActive": false })).send().await.unwrap(), StatusCode::OK).await;
        let half = app.register("half", None).await;
        let revoked_token = revoked_token(app, &half).await;
        let revoked = app.register("revoked", None).await;
        let place = format!("/api/clients/{}/keys/{}", revoked.id, key_id(&revoked.key));
        let gone = app.request("DELETE", &place).header("x-api-key", &revoked.key).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        Self {
            other: app.register("other", None).await,
            service: app.register("service", Some("service")).await,
            deactivated,
            revoked,
            revoked_token,
        }
    }
}

/// All operations of the document: method, path, and what is said of it.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(|(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

/// Who may call it.
fn roles(operation: &Value) -> Vec<&str> {
    let roles = operation["x-roles"].as_array();
    let roles = roles.unwrap_or_else(|| panic!("nobody has said who may call {operation:#}"));
    roles.iter().map(|role| role.as_str().unwrap()).collect()
}

/// The status of a no to a caller with a request that is otherwise right; `None` where it is a yes.
fn refusal(operation: &Value, caller: &str) -> Option<u16> {
    let security = operation.get("security")?.as_array().unwrap();
    let roles = roles(operation);
    // What has a token of its own does not look at keys.
    if security.iter().any(|scheme| scheme.get("metricsToken").is_some()) {
        return None;
    }
    let role = match caller {
        _ if BAD.contains(&caller) => return Some(401),
        "deactivated" => return Some(403),
        "own by token" if !security.iter().any(|scheme| scheme.get("bearer").is_some()) => return Some(403),
        _ if roles.contains(&"anyone") => return None,
        "nobody" => return Some(401),
        "own" | "own by token" if roles.contains(&"own") => return None,
        "service" | "admin" => caller,
        _ => "client",
    };
    // A wrong role is told so; a client of the right one is not told of others.
    let others = if roles.contains(&"own") { 404 } else { 403 };
    (!roles.contains(&role)).then_some(others)
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_documented() {
    let app = App::start();
    let others = Others::of(&app).await;
    let document = activity_http::app::document();
    for (seen, (method, path, operation)) in operations(&document).enumerate() {
        for (number, caller) in CALLERS.iter().enumerate() {
            // Some operations end their client, so each call has one of its own.
            let own = match *caller {
                "deactivated" => others.deactivated.clone(),
                _ => app.register(&format!("own-{seen}-{number}"), None).await,
            };
            let request = call(&app, method, path, caller, &own);
            let request = match *caller {
                "nobody" => request,
                "other client" => request.header("x-api-key", &others.other.key),
                "service" => request.header("x-api-key", &others.service.key),
                "admin" => request.header("x-api-key", &app.admin_key),
                "own by token" => request.bearer_auth(&own.token),
                _ => request.header("x-api-key", &own.key),
            };
            check(method, path, operation, caller, request).await;
        }
        let own = app.register(&format!("own-{seen}-bad"), None).await;
        for caller in BAD {
            let request = call(&app, method, path, caller, &own);
            let request = match caller {
                "bogus key" => request.header("x-api-key", "atk_bogus-key-of-nobody"),
                "junk" => request.header("x-api-key", "' OR 1=1 --"),
                "revoked key" => request.header("x-api-key", &others.revoked.key),
                "foreign token" => request.bearer_auth(foreign_token(&own.token)),
                "token of a revoked key" => request.bearer_auth(&others.revoked_token),
                _ => request.bearer_auth(forged(&own, caller)),
            };
            check(method, path, operation, caller, request).await;
        }
    }
}

/// Where a question may name a client, others' clients are as if they were not there.
#[tokio::test]
async fn a_client_cannot_ask_about_another_by_name() {
    let app = App::start();
    let Others { other, service, .. } = Others::of(&app).await;
    let own = app.register("own", None).await;
    let document = activity_http::app::document();
    let mut asked = Vec::new();
    for (method, path, operation) in operations(&document) {
        let names = operation["parameters"].as_array().into_iter().flatten();
        if !names.clone().any(|p| p["name"] == "clientId" && p["in"] == "query") {
            continue;
        }
        asked.push(path);
        let place = format!("{path}?clientId={}", own.id);
        let status = async |key: &str| {
            let answer = app.request(&method.to_uppercase(), &place).header("x-api-key", key).send().await;
            answer.unwrap().status()
        };
        let client = roles(operation).contains(&"client");
        assert_eq!(status(&other.key).await == StatusCode::NOT_FOUND, client, "{path} by another client");
        for key in [&own.key, &service.key, &app.admin_key] {
            let status = status(key).await;
            assert!(status.is_success(), "{path}: {status}");
        }
    }
    assert!(asked.len() >= 5, "{asked:?}");
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

async fn check(method: &str, path: &str, operation: &Value, caller: &str, request: RequestBuilder) {
    let status = request.send().await.unwrap().status();
    let name = format!("{method} {path} for {caller}");
    match refusal(operation, caller) {
        Some(refusal) => assert_eq!(status.as_u16(), refusal, "{name}"),
        None => assert!(status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS, "{name}: {status}"),
    }
    // Redirects are followed, so the page behind answers for them.
    let is_documented = operation["responses"].get(status.as_str()).is_some();
    assert!(is_documented || path == "/api-docs", "{name}: {status} is not documented");
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
