//! Registration and tokens.

use activity_domain::service::RegistrationMode;
use reqwest::StatusCode;
use serde_json::json;

use crate::app::{App, Options, event, expect, pointer};

#[tokio::test]
async fn a_registered_client_gets_in_by_key_and_by_token() {
    let app = App::start();
    let body = json!({ "name": " Ada ", "email": "Ada@Example.org" });
    let answer = app.request("POST", "/api/register").json(&body).send().await.unwrap();
    let new = expect(answer, StatusCode::CREATED).await;
    assert_eq!(
        (&new["name"], &new["email"], &new["rateLimit"]),
        (&"Ada".into(), &"ada@example.org".into(), &1_000.into())
    );
    let key = new["apiKey"].as_str().unwrap();
    assert!(key.starts_with("atk_"));

    let by_key = app.post("/api/logs", key, &event()).send().await.unwrap();
    expect(by_key, StatusCode::ACCEPTED).await;
    let by_token =
        app.request("POST", "/api/logs").bearer_auth(new["token"].as_str().unwrap()).json(&event());
    expect(by_token.send().await.unwrap(), StatusCode::ACCEPTED).await;
    let fresh = app.post("/api/token", key, &json!({})).send().await.unwrap();
    let fresh = expect(fresh, StatusCode::OK).await;
    let again = app.request("GET", "/api/usage/daily").bearer_auth(fresh["token"].as_str().unwrap());
    let usage = expect(again.send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(usage["data"][0]["requestCount"], 2);
    assert_eq!(usage["data"][0]["clientId"], new["clientId"]);
}

#[tokio::test]
async fn an_email_is_taken_once() {
    let app = App::start();
    app.register("ada", None).await;
    let body = json!({ "name": "Other", "email": "ADA@example.org" });
    let answer = app.request("POST", "/api/register").json(&body).send().await.unwrap();
    assert_eq!(pointer(&expect(answer, StatusCode::CONFLICT).await), "#/email");
}

#[tokio::test]
async fn only_an_admin_sets_a_role_or_a_higher_limit() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let service = app.register("gateway", Some("service")).await;
    for (field, value) in [("role", json!("client")), ("role", json!("admin")), ("rateLimit", json!(1_001))] {
        let mut body = json!({ "name": "Eve", "email": "eve@example.org" });
        body[field] = value;
        let open = app.request("POST", "/api/register").json(&body).send().await.unwrap();
        expect(open, StatusCode::FORBIDDEN).await;
        for key in [&ada.key, &service.key] {
            expect(app.post("/api/register", key, &body).send().await.unwrap(), StatusCode::FORBIDDEN).await;
        }
    }
    let lower = json!({ "name": "Low", "email": "low@example.org", "rateLimit": 5 });
    let lower = app.request("POST", "/api/register").json(&lower).send().await.unwrap();
    assert_eq!(expect(lower, StatusCode::CREATED).await["rateLimit"], 5);
    let higher =
        json!({ "name": "High", "email": "high@example.org", "rateLimit": 5_000, "role": "service" });
    let higher = app.post("/api/register", &app.admin_key, &higher).send().await.unwrap();
    assert_eq!(expect(higher, StatusCode::CREATED).await["rateLimit"], 5_000);
}

#[tokio::test]
async fn closed_registration_needs_an_admin() {
    let app = App::with(&Options { mode: RegistrationMode::Admin, ..Options::default() });
    let body = json!({ "name": "Eve", "email": "eve@example.org" });
    let open = app.request("POST", "/api/register").json(&body).send().await.unwrap();
    expect(open, StatusCode::UNAUTHORIZED).await;
    let ada = app.register("ada", None).await;
    expect(app.post("/api/register", &ada.key, &body).send().await.unwrap(), StatusCode::FORBIDDEN).await;
    expect(app.post("/api/register", &app.admin_key, &body).send().await.unwrap(), StatusCode::CREATED).await;
}

#[tokio::test]
async fn each_field_is_named_when_it_does_not_fit() {
    let app = App::start();
    let good = json!({ "name": "Eve", "email": "eve@example.org" });
    let cases = [
        ("name", json!(""), "#/name"),
        ("name", json!(7), "#/name"),
        ("email", json!("eve"), "#/email"),
        ("rateLimit", json!(0), "#/rateLimit"),
        ("rateLimit", json!(1.5), "#/rateLimit"),
        ("role", json!("root"), "#/role"),
        ("isActive", json!(true), "#/isActive"),
    ];
    for (field, value, at) in cases {
        let mut body = good.clone();
        body[field] = value;
        let answer = app.post("/api/register", &app.admin_key, &body).send().await.unwrap();
        assert_eq!(pointer(&expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await), at);
    }
    let missing = app.request("POST", "/api/register").json(&json!({ "name": "Eve" })).send().await.unwrap();
    assert_eq!(pointer(&expect(missing, StatusCode::UNPROCESSABLE_ENTITY).await), "#/email");
}

#[tokio::test]
async fn a_token_is_made_from_a_key_only_and_ends_with_it() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let refused = app.request("POST", "/api/token").bearer_auth(&ada.token).send().await.unwrap();
    let problem = expect(refused, StatusCode::FORBIDDEN).await;
    assert!(problem["detail"].as_str().unwrap().contains("X-API-Key"));
    let both = app.request("POST", "/api/token").bearer_auth(&ada.token).header("x-api-key", &ada.key);
    expect(both.send().await.unwrap(), StatusCode::OK).await;

    let keys = format!("/api/clients/{}/keys", ada.id);
    let short = app.post(&keys, &ada.key, &json!({ "expiresIn": 90 })).send().await.unwrap();
    let short = expect(short, StatusCode::CREATED).await;
    let token = app.post("/api/token", short["apiKey"].as_str().unwrap(), &json!({})).send().await.unwrap();
    let token = expect(token, StatusCode::OK).await;
    assert_eq!(token["expiresAt"], app.now().plus_seconds(90).to_string());
}
