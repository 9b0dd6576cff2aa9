//! The OpenAPI document and Swagger UI.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::StatusCode;
use serde_json::Value;

use crate::app::{App, expect};

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The contract with callers: a change of it is looked at in the diff of the snapshot.
#[test]
fn the_document_is_as_reviewed() {
    insta::assert_json_snapshot!("openapi", activity_http::app::document());
}

#[test]
fn references_lead_somewhere_and_ids_are_unique() {
    let document = activity_http::app::document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 5);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for component in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{component}")), "{component} is of no use");
    }
    let mut ids = BTreeSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
            assert!(
                operation["summary"].is_string() && !operation["responses"].as_object().unwrap().is_empty()
            );
        }
    }
}

/// What answers may say, and the version 2 model and Rust's types cannot.
#[test]
fn answers_may_be_null_where_they_are_and_bodies_anything() {
    let document = activity_http::app::document();
    let schema = |pointer: &str| {
        let pointer = format!("/components/schemas/{}", pointer.replace(' ', "/properties/"));
        document.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}"))
    };
    for client in ["ClientResponse", "ClientListResponse data/items"] {
        for field in ["email", "lastAccessAt", "keys/items expiresAt", "keys/items lastUsedAt"] {
            assert_eq!(schema(&format!("{client} {field}"))["nullable"], true, "{client} {field}");
        }
    }
    assert_eq!(schema("ClientListResponse nextCursor")["nullable"], true);
    assert_eq!(schema("KeyResponse expiresAt")["nullable"], true);
    for field in
        ["ClientPatch email", "RegisterRequest email", "RegisterResponse email", "TokenResponse expiresAt"]
    {
        assert!(schema(field).get("nullable").is_none(), "{field}");
    }
    let audit = "LogResponse data/items audit";
    assert!(schema(audit).get("required").is_none());
    for field in ["requestBody", "responseBody"] {
        assert!(schema(&format!("{audit} {field}")).get("type").is_none());
        assert!(schema(&format!("Event {field}")).get("type").is_none());
    }
}

#[tokio::test]
async fn every_documented_route_is_there() {
    let app = App::start();
    let served = app.request("GET", "/api-docs/openapi.json").send().await.unwrap();
    let served: Value = served.json().await.unwrap();
    let ada = app.register("ada", None).await;
    assert_eq!(served, activity_http::app::document());
    for (path, operations) in served["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let place = path.replace("{clientId}", &ada.id);
            let answer = app.request(&method.to_uppercase(), &place).send().await.unwrap();
            let status = answer.status();
            assert!(
                status != StatusCode::NOT_FOUND && status != StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn swagger_ui_works_offline_and_unknown_files_are_404() {
    let app = App::start();
    let page = app.request("GET", "/api-docs").send().await.unwrap();
    assert_eq!(page.url().path(), "/api-docs/");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("connect-src 'self'"));
    let html = page.text().await.unwrap();
    assert!(html.contains("swagger-ui"));
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let asset = app.request("GET", &format!("/api-docs/{file}")).send().await.unwrap();
        assert_eq!(asset.status(), StatusCode::OK, "{file}");
        let text = asset.text().await.unwrap();
        if file == "swagger-initializer.js" {
            assert!(text.contains("/api-docs/openapi.json"));
            continue;
        }
        let packed = app.request("GET", &format!("/api-docs/{file}")).header("Accept-Encoding", "br, gzip");
        let packed = packed.send().await.unwrap();
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{file}");
        let mut unpacked = String::new();
        GzDecoder::new(&*packed.bytes().await.unwrap()).read_to_string(&mut unpacked).unwrap();
        assert!(unpacked == text && text.contains("swagger-ui"), "{file}");
    }
    for missing in ["nope.js", "../Cargo.toml", "%2e%2e%2fCargo.toml"] {
        let answer = app.request("GET", &format!("/api-docs/{missing}")).send().await.unwrap();
        expect(answer, StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn pages_stand_beside_the_api_with_headers_of_their_own() {
    let app = App::start();
    let page = app.request("GET", "/a-page").send().await.unwrap();
    assert_eq!(page.headers()["content-security-policy"], "default-src 'self'");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["cache-control"], "no-cache");
    assert!(page.headers().contains_key("x-request-id"));
    assert_eq!(page.text().await.unwrap(), "page");
    for missing in ["/", "/api/nope"] {
        expect(app.request("GET", missing).send().await.unwrap(), StatusCode::NOT_FOUND).await;
    }
}
