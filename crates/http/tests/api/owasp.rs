//! What the OWASP API Security Top 10 asks for and no other file has, for every operation of the document.
//! `docs/owasp.md` says where the rest is.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, expect, pointer};
use crate::streams::ws::upgrading;
use crate::walls::operations;

fn request(app: &App, method: &str, path: &str, client: &str) -> RequestBuilder {
    let place = path.replace("{clientId}", client).replace("{keyId}", "abcdefghjkmn");
    app.request(&method.to_uppercase(), &place).header("x-api-key", &app.admin_key)
}

/// API3: a property that is not documented is refused by name, wherever there is a body; so are those of an answer
/// that no request may set.
#[tokio::test]
async fn no_body_may_have_properties_that_are_not_documented() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let document = activity_http::app::document();
    let mut seen = 0;
    for (method, path, operation) in operations(&document) {
        if operation.get("requestBody").is_none() {
            continue;
        }
        seen += 1;
        for field in ["surprise", "isAdmin", "apiKey", "lastAccessAt", "__proto__"] {
            let answer =
                request(&app, method, path, &ada.id).json(&json!({ field: 1 })).send().await.unwrap();
            let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert_eq!(pointer(&problem), format!("#/{field}"), "{method} {path}: {problem}");
        }
    }
    assert!(seen >= 4, "{seen}");
}

/// API3 the other way: after it was shown once, no answer has a key or what it is known by.
#[tokio::test]
async fn no_answer_shows_a_key_again() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let secret = ada.key.split('_').nth(2).unwrap();
    let document = activity_http::app::document();
    for (method, path, _) in
        operations(&document).filter(|(method, path, _)| *method == "get" && *path != "/api/ws")
    {
        for key in [&ada.key, &app.admin_key] {
            let request = request(&app, method, path, &ada.id).header("accept", "application/json");
            let mut request = request.build().unwrap();
            request.headers_mut().insert("x-api-key", key.parse().unwrap());
            let mut answer = app.http.execute(request).await.unwrap();
            // Of a stream, the beginning.
            let text = answer.chunk().await.unwrap().unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(secret), "{path}: {text}");
        }
    }
}

/// API4: every number in a query has a bound at both ends, and what is no number is told so.
#[tokio::test]
async fn every_number_in_a_query_is_capped() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let document = activity_http::app::document();
    let mut seen = Vec::new();
    for (method, path, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" || parameter["schema"]["type"] != "integer" {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            seen.push(format!("{path}?{name}"));
            for value in
                ["-1", "-9223372036854775808", "9223372036854775807", "1e3", "1.5", "NaN", "0x10", ""]
            {
                let place = format!("{path}?{name}={value}");
                let answer = request(&app, method, &place, &ada.id).send().await.unwrap();
                let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
                assert_eq!(pointer(&problem), format!("?{name}"), "{place}");
            }
            for digits in [20, 400] {
                let place = format!("{path}?{name}={}", "9".repeat(digits));
                let answer = request(&app, method, &place, &ada.id).send().await.unwrap();
                expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            }
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

/// API7: nothing that a caller sends is an address for the server to call.
#[test]
fn no_request_names_an_address_to_be_called() {
    let document = activity_http::app::document();
    let mut names: Vec<String> = Vec::new();
    for (_, _, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        names.extend(parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()));
    }
    for schema in ["RegisterRequest", "ClientPatch", "KeyRequest", "Event"] {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        names.extend(properties.keys().cloned());
    }
    assert!(names.len() > 40);
    for name in names {
        let lower = name.to_lowercase();
        assert!(
            !["url", "uri", "callback", "webhook", "href"].iter().any(|word| lower.contains(word)),
            "{name}"
        );
    }
}

/// API8: every answer, good or bad, tells browsers to be careful, and is kept by no cache on the way.
#[tokio::test]
async fn every_answer_has_security_headers() {
    let app = App::start();
    let document = activity_http::app::document();
    for (method, path, _) in operations(&document) {
        let ada = app.register(&format!("ada-{method}{}", path.replace(['/', '{', '}'], "-")), None).await;
        for is_admin in [false, true] {
            let place = path.replace("{clientId}", &ada.id).replace("{keyId}", "abcdefghjkmn");
            let request = app.request(&method.to_uppercase(), &place);
            let request = if is_admin { request.header("x-api-key", &app.admin_key) } else { request };
            let request = if path == "/api/ws" { upgrading(request) } else { request };
            let answer = request.send().await.unwrap();
            let name = format!("{method} {path}: {}", answer.status());
            check(answer.headers(), &name);
        }
    }
    for path in ["/nope", "/api/nope", "/api-docs/nope.js", "/%ff"] {
        check(app.request("GET", path).send().await.unwrap().headers(), path);
    }
    let wrong_method = app.request("PUT", "/api/logs").send().await.unwrap();
    check(wrong_method.headers(), "PUT");
}

fn check(headers: &reqwest::header::HeaderMap, name: &str) {
    let text = |header: &str| headers.get(header).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert_eq!(text("x-content-type-options"), "nosniff", "{name}");
    assert_eq!(text("x-frame-options"), "DENY", "{name}");
    assert_eq!(text("referrer-policy"), "no-referrer", "{name}");
    assert!(text("content-security-policy").contains("frame-ancestors 'none'"), "{name}");
    // The page of the documentation and its files hold nothing of anybody.
    assert!(text("cache-control").contains("no-store") || name.contains("/api-docs"), "{name}");
    assert!(text("strict-transport-security").is_empty(), "{name}: this is not TLS");
    assert!(text("server").is_empty() && text("x-powered-by").is_empty(), "{name}");
}

/// API8: pages of other origins cannot read answers, whatever they ask for.
#[tokio::test]
async fn no_answer_is_for_pages_of_other_origins() {
    let app = App::start();
    let document = activity_http::app::document();
    for (method, path, _) in operations(&document) {
        let request = request(&app, method, path, "CL-1").header("origin", "https://evil.example");
        let answer = request.send().await.unwrap();
        let headers = answer.headers();
        assert!(
            !headers.keys().any(|name| name.as_str().starts_with("access-control-allow")),
            "{method} {path}"
        );
    }
    let preflight = app.request("OPTIONS", "/api/clients").header("origin", "https://evil.example");
    let preflight = preflight.header("access-control-request-method", "DELETE").send().await.unwrap();
    assert!(!preflight.headers().contains_key("access-control-allow-origin"));
    assert!(!preflight.status().is_success());
}

/// API9: what is served is documented, and under one version.
#[test]
fn one_version_is_documented() {
    let document: Value = activity_http::app::document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let is_old =
        |path: &str| ["/v1/", "/beta", "/test", "/debug", "/internal"].iter().any(|old| path.contains(old));
    assert!(
        operations(&document)
            .all(|(_, path, operation)| !is_old(path) && operation.get("deprecated").is_none())
    );
}
