//! Who may do what: every operation of the OpenAPI document for every kind of caller.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, event};

/// The callers, in the order of the table's columns.
const CALLERS: [&str; 6] = ["nobody", "bogus key", "client", "service", "admin", "foreign token"];

/// Operation, and the status for each caller with a request that is otherwise right.
const TABLE: &[(&str, [u16; 6])] = &[
    ("post /api/register", [201, 401, 201, 201, 201, 401]),
    ("post /api/token", [401, 401, 200, 200, 200, 401]),
    ("post /api/logs", [401, 401, 202, 202, 202, 401]),
    ("get /api/usage/daily", [401, 401, 200, 200, 200, 401]),
    ("get /api/usage/top", [401, 401, 403, 200, 200, 401]),
    ("get /api/rate-limit", [401, 401, 200, 200, 200, 401]),
    ("get /api/clients/{clientId}/rate-limit", [401, 401, 403, 403, 200, 401]),
    ("delete /api/clients/{clientId}/rate-limit", [401, 401, 403, 403, 204, 401]),
    ("get /api/cache/stats", [401, 401, 403, 403, 200, 401]),
    ("post /api/cache/prewarm", [401, 401, 403, 403, 200, 401]),
    ("get /livez", [200; 6]),
    ("get /readyz", [200; 6]),
    ("get /health-check", [200; 6]),
    ("get /api-docs", [200; 6]),
    ("get /api-docs/openapi.json", [200; 6]),
];

#[tokio::test]
async fn every_operation_answers_every_caller_as_documented() {
    let app = App::start();
    let client = app.register("client", None).await;
    let service = app.register("service", Some("service")).await;
    let keys = [
        None,
        Some("atk_bogus-key-of-nobody"),
        Some(&client.key),
        Some(&service.key),
        Some(&app.admin_key),
        None,
    ];
    let document = activity_http::app::document();
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = format!("{method} {path}");
            let row = TABLE.iter().find(|(operation, _)| *operation == name);
            let (_, statuses) = row.unwrap_or_else(|| panic!("{name} has no row in the table of walls"));
            for (caller, (key, status)) in CALLERS.iter().zip(keys.iter().zip(statuses)) {
                let place = path.replace("{clientId}", &client.id);
                let mut request = app.request(&method.to_uppercase(), &place);
                if let Some(key) = key {
                    request = request.header("x-api-key", *key);
                }
                if *caller == "foreign token" {
                    request = request.bearer_auth(foreign_token(&client.token));
                }
                if method == "post" {
                    request = request.json(&body(path, caller, &client.id));
                }
                let found = request.send().await.unwrap().status();
                assert_eq!(found, StatusCode::from_u16(*status).unwrap(), "{name} for {caller}");
                // Redirects are followed, so the page behind answers for them.
                let documented = operation["responses"].get(status.to_string()).is_some();
                assert!(documented || path == "/api-docs", "{name}: {status} is not documented");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, TABLE.len(), "the table has rows for operations that are not there");
}

fn body(path: &str, caller: &str, client: &str) -> Value {
    match path {
        "/api/register" => {
            let local = caller.replace(' ', "-");
            json!({ "name": caller, "email": format!("{local}@walls.example") })
        }
        "/api/logs" => {
            let mut event = event();
            if matches!(caller, "service" | "admin") {
                event["clientId"] = json!(client);
            }
            event
        }
        _ => json!({}),
    }
}

/// The same claims under another signature.
fn foreign_token(token: &str) -> String {
    let (head, signature) = token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    format!("{head}.{flipped}")
}
