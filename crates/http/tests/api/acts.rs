//! The audit log: what admins do can be read, and by nobody else.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, expect, pointer};
use crate::walls::key_id;

/// An admin's request under this id.
async fn act(
    app: &App,
    id: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
    status: StatusCode,
) -> Value {
    let request = app.request(method.as_str(), path).header("x-api-key", &app.admin_key);
    let request = request.header("x-request-id", id);
    let request = body.into_iter().fold(request, |request, body| request.json(&body));
    expect(request.send().await.unwrap(), status).await
}

async fn log(app: &App, query: &str) -> Value {
    let answer = app.get(&format!("/api/audit{query}"), &app.admin_key).send().await.unwrap();
    expect(answer, StatusCode::OK).await
}

fn told(page: &Value, field: &str) -> Vec<String> {
    let entries = page["data"].as_array().unwrap().iter();
    entries.map(|entry| entry[field].as_str().unwrap_or("-").to_owned()).collect()
}

/// Everything that an admin can do to a client that is not there before.
async fn history(app: &App) -> (String, String) {
    let body = json!({ "name": "Ada Canary", "email": "ada.canary@example.org", "rateLimit": 2_000 });
    let ada = act(app, "r-1", Method::POST, "/api/register", Some(body), StatusCode::CREATED).await;
    let id = ada["clientId"].as_str().unwrap().to_owned();
    let place = format!("/api/clients/{id}");
    let patch = json!({ "name": "Canary", "rateLimit": 7, "isActive": false, "limits": [
        { "name": "burst", "limit": 5, "window": 60, "shadow": true },
    ] });
    act(app, "r-2", Method::PATCH, &place, Some(patch), StatusCode::OK).await;
    let keys = format!("{place}/keys");
    let issued =
        act(app, "r-3", Method::POST, &keys, Some(json!({ "expiresIn": 60 })), StatusCode::CREATED).await;
    let key = issued["keyId"].as_str().unwrap().to_owned();
    act(app, "r-4", Method::DELETE, &format!("{keys}/{key}"), None, StatusCode::NO_CONTENT).await;
    act(app, "r-5", Method::DELETE, &format!("{place}/rate-limit"), None, StatusCode::NO_CONTENT).await;
    act(app, "r-6", Method::POST, "/api/cache/prewarm", None, StatusCode::OK).await;
    act(app, "r-7", Method::DELETE, &place, None, StatusCode::NO_CONTENT).await;
    (id, key)
}

#[tokio::test]
async fn every_act_of_an_admin_is_there_with_its_request_and_names_nobody() {
    let app = App::start();
    let (id, key) = history(&app).await;
    let page = log(&app, "").await;
    assert_eq!(page["nextCursor"], Value::Null);
    assert_eq!(told(&page, "requestId"), ["r-7", "r-6", "r-5", "r-4", "r-3", "r-2", "r-1"]);
    let actions = [
        "client.erase",
        "cache.prewarm",
        "rate-limit.reset",
        "key.revoke",
        "key.issue",
        "client.change",
        "client.register",
    ];
    assert_eq!(told(&page, "action"), actions);
    let data = page["data"].as_array().unwrap();
    for (index, entry) in data.iter().enumerate() {
        assert_eq!(entry["actor"], "CL-admin");
        assert_eq!(entry["target"], if index == 1 { Value::Null } else { json!(id) });
        assert_eq!(entry["at"], app.now().to_string());
    }
    let changed = json!([
        { "field": "name", "before": null, "after": null },
        { "field": "rateLimit", "before": "2000", "after": "7" },
        { "field": "limits", "before": "", "after": "burst=5/60s (shadow)" },
        { "field": "isActive", "before": "true", "after": "false" },
    ]);
    assert_eq!(data[5]["changes"], changed);
    assert_eq!(data[3]["changes"], json!([{ "field": "keyId", "before": key, "after": null }]));
    assert!(!page.to_string().to_lowercase().contains("canary"));
}

#[tokio::test]
async fn the_log_is_paged_and_narrowed() {
    let app = App::start();
    let (id, _) = history(&app).await;
    let all = told(&log(&app, "").await, "requestId");
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = log(&app, &format!("?limit=2{cursor}")).await;
        paged.extend(told(&page, "requestId"));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, all);
    let now = app.now().to_string();
    for (query, count) in [
        (format!("?target={id}"), 6),
        ("?actor=CL-admin".to_owned(), 7),
        (format!("?actor={id}"), 0),
        ("?action=key.issue".to_owned(), 1),
        (format!("?action=key.issue&target={id}&from={now}"), 1),
        (format!("?to={now}"), 0),
    ] {
        assert_eq!(told(&log(&app, &query).await, "action").len(), count, "{query}");
    }
    for (query, name) in [
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("cursor=x", "?cursor"),
        ("action=client", "?action"),
        ("actor=a%20b", "?actor"),
        ("target=", "?target"),
        ("from=yesterday", "?from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "?from"),
        ("client=CL-1", "?client"),
    ] {
        let answer = app.get(&format!("/api/audit?{query}"), &app.admin_key).send().await.unwrap();
        assert_eq!(pointer(&expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await), name, "{query}");
    }
}

/// What clients do with what is theirs, and what is refused, is no act of an admin.
#[tokio::test]
async fn others_and_refusals_leave_no_entry() {
    let app = App::start();
    let body = json!({ "name": "bob", "email": "bob@example.org" });
    let open = app.request("POST", "/api/register").json(&body).send().await.unwrap();
    let bob = expect(open, StatusCode::CREATED).await;
    let (id, key) = (bob["clientId"].as_str().unwrap(), bob["apiKey"].as_str().unwrap());
    let keys = format!("/api/clients/{id}/keys");
    expect(app.post(&keys, key, &json!({})).send().await.unwrap(), StatusCode::CREATED).await;
    let gone = app.request("DELETE", &format!("{keys}/{}", key_id(key))).header("x-api-key", key);
    assert_eq!(gone.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    act(&app, "r", Method::POST, "/api/register", Some(body), StatusCode::CONFLICT).await;
    for method in [Method::PATCH, Method::DELETE] {
        let change = Some(json!({ "name": "x" }));
        act(&app, "r", method, "/api/clients/CL-nobody", change, StatusCode::NOT_FOUND).await;
    }
    assert_eq!(log(&app, "").await["data"], json!([]));
}

/// Without an entry nothing is done, where the two are not in one place.
#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let spend = app.post("/api/logs", &ada.key, &crate::app::event()).send().await.unwrap();
    expect(spend, StatusCode::ACCEPTED).await;
    let place = format!("/api/clients/{}/rate-limit", ada.id);
    let left = async || {
        let answer = app.get(&place, &app.admin_key).send().await.unwrap();
        expect(answer, StatusCode::OK).await["remaining"].as_u64().unwrap()
    };
    assert_eq!(left().await, 999);
    app.store.cut_off();
    act(&app, "r", Method::DELETE, &place, None, StatusCode::SERVICE_UNAVAILABLE).await;
    app.store.heal();
    assert_eq!(left().await, 999);
    act(&app, "r", Method::DELETE, &place, None, StatusCode::NO_CONTENT).await;
    assert_eq!(left().await, 1_000);
}
