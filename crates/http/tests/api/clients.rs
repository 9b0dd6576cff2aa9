//! Clients and keys, managed; and failed authentications, slowed down.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Registered, event, expect, pointer};
use crate::walls::key_id;

async fn call(app: &App, method: &str, path: &str, key: &str, body: Option<&Value>, status: u16) -> Value {
    let request = app.request(method, path).header("x-api-key", key);
    let request = if let Some(body) = body { request.json(body) } else { request };
    expect(request.send().await.unwrap(), StatusCode::from_u16(status).unwrap()).await
}

fn place(client: &Registered) -> String {
    format!("/api/clients/{}", client.id)
}

/// The statuses by key and by token, for a call that costs nothing.
async fn enters(app: &App, client: &Registered) -> (u16, u16) {
    let by_key = app.get("/api/rate-limit", &client.key).send().await.unwrap().status();
    let by_token = app.request("GET", "/api/rate-limit").bearer_auth(&client.token).send().await.unwrap();
    (by_key.as_u16(), by_token.status().as_u16())
}

#[tokio::test]
async fn a_client_is_shown_with_its_keys() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let shown = call(&app, "GET", &place(&ada), &ada.key, None, 200).await;
    let key = json!({ "keyId": key_id(&ada.key), "createdAt": app.now().to_string(), "expiresAt": null, "lastUsedAt": null });
    let expected = json!({
        "clientId": ada.id, "name": "ada", "email": "ada@example.org", "role": "client", "limits": [], "rateLimit": 1000,
        "isActive": true, "createdAt": app.now().to_string(), "lastAccessAt": null, "keys": [key],
    });
    assert_eq!(shown, expected);
    app.write_uses().await;
    let shown = call(&app, "GET", &place(&ada), &app.admin_key, None, 200).await;
    assert_eq!(
        (&shown["lastAccessAt"], &shown["keys"][0]["lastUsedAt"]),
        (&json!(app.now().to_string()), &json!(app.now().to_string()))
    );
    // The configured admin is not stored, and shown all the same.
    let root = call(&app, "GET", "/api/clients/CL-admin", &app.admin_key, None, 200).await;
    assert_eq!((&root["role"], &root["keys"][0]["keyId"]), (&json!("admin"), &json!(key_id(&app.admin_key))));
}

#[tokio::test]
async fn clients_are_listed_in_pages() {
    let app = App::start();
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(app.register(&format!("client-{number}"), None).await.id);
    }
    ids.sort();
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            call(&app, "GET", &format!("/api/clients?limit=2{cursor}"), &app.admin_key, None, 200).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2 && !data.is_empty());
        listed.extend(data.iter().map(|client| client["clientId"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, ids);
    let all = call(&app, "GET", "/api/clients", &app.admin_key, None, 200).await;
    assert_eq!((all["data"].as_array().unwrap().len(), &all["nextCursor"]), (5, &Value::Null));
    for (query, at) in
        [("limit=0", "?limit"), ("limit=1001", "?limit"), ("cursor=a/b", "?cursor"), ("page=2", "?page")]
    {
        let refused = call(&app, "GET", &format!("/api/clients?{query}"), &app.admin_key, None, 422).await;
        assert_eq!(pointer(&refused), at);
    }
}

#[tokio::test]
async fn a_client_is_changed_field_by_field() {
    let app = App::start();
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let changes = [
        ("name", json!("Ada L.")),
        ("email", json!("ada@new.example")),
        ("rateLimit", json!(7)),
        ("role", json!("service")),
        ("isActive", json!(false)),
    ];
    let mut expected = call(&app, "GET", &place(&ada), &app.admin_key, None, 200).await;
    for (field, value) in changes {
        expected[field] = value.clone();
        let answer =
            call(&app, "PATCH", &place(&ada), &app.admin_key, Some(&json!({ field: value })), 200).await;
        assert_eq!(answer, expected);
    }
    assert_eq!(call(&app, "GET", &place(&ada), &app.admin_key, None, 200).await, expected);

    let bad = [
        (json!({}), ""),
        (json!({ "email": null }), ""),
        (json!({ "name": " " }), "#/name"),
        (json!({ "email": "nowhere" }), "#/email"),
        (json!({ "rateLimit": 0 }), "#/rateLimit"),
        (json!({ "role": "root" }), "#/role"),
        (json!({ "isActive": "no" }), "#/isActive"),
        (json!({ "clientId": "CL-1" }), "#/clientId"),
        (json!({ "keys": [] }), "#/keys"),
    ];
    for (body, at) in bad {
        let refused = call(&app, "PATCH", &place(&ada), &app.admin_key, Some(&body), 422).await;
        assert_eq!(pointer(&refused), at, "{body}");
    }
    let taken = json!({ "email": "bob@example.org", "name": "not this either" });
    let refused = call(&app, "PATCH", &place(&ada), &app.admin_key, Some(&taken), 409).await;
    assert_eq!(pointer(&refused), "#/email");
    assert_eq!(call(&app, "GET", &place(&ada), &app.admin_key, None, 200).await, expected);
    assert_eq!(enters(&app, &bob).await, (200, 200));
}

#[tokio::test]
async fn what_is_changed_acts_on_the_next_request() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let top = async |status| drop(call(&app, "GET", "/api/usage/top", &ada.key, None, status).await);
    assert_eq!(enters(&app, &ada).await, (200, 200));
    top(403).await;
    call(&app, "PATCH", &place(&ada), &app.admin_key, Some(&json!({ "role": "service" })), 200).await;
    top(200).await;
    call(
        &app,
        "PATCH",
        &place(&ada),
        &app.admin_key,
        Some(&json!({ "role": "client", "rateLimit": 1 })),
        200,
    )
    .await;
    top(403).await;
    let limit = call(&app, "GET", "/api/rate-limit", &ada.key, None, 200).await;
    assert_eq!(limit["limit"], 1);
    call(&app, "PATCH", &place(&ada), &app.admin_key, Some(&json!({ "isActive": false })), 200).await;
    assert_eq!(enters(&app, &ada).await, (403, 403));
    call(&app, "PATCH", &place(&ada), &app.admin_key, Some(&json!({ "isActive": true })), 200).await;
    assert_eq!(enters(&app, &ada).await, (200, 200));
    let key = format!("{}/keys/{}", place(&ada), key_id(&ada.key));
    call(&app, "DELETE", &key, &app.admin_key, None, 204).await;
    assert_eq!(enters(&app, &ada).await, (401, 401));
}

#[tokio::test]
async fn keys_rotate_with_overlap_and_expire() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let keys = format!("{}/keys", place(&ada));
    let wish = json!({ "expiresIn": 3_600, "overlap": 60 });
    let issued = call(&app, "POST", &keys, &ada.key, Some(&wish), 201).await;
    let new = issued["apiKey"].as_str().unwrap().to_owned();
    assert_eq!(
        issued,
        json!({ "keyId": key_id(&new), "apiKey": new, "expiresAt": app.now().plus_seconds(3_600).to_string() })
    );
    let shown = call(&app, "GET", &place(&ada), &ada.key, None, 200).await;
    let ends: Vec<&Value> = shown["keys"].as_array().unwrap().iter().map(|key| &key["expiresAt"]).collect();
    assert_eq!(ends.len(), 2);
    assert!(
        ends.contains(&&json!(app.now().plus_seconds(60).to_string()))
            && ends.contains(&&issued["expiresAt"])
    );
    assert!(!shown.to_string().contains(new.split('_').nth(2).unwrap()), "secrets are shown once");
    app.clock.advance(59);
    assert_eq!(enters(&app, &ada).await, (200, 200));
    app.clock.advance(1);
    assert_eq!(enters(&app, &ada).await, (401, 401), "the old key ends with its tokens");
    call(&app, "GET", "/api/rate-limit", &new, None, 200).await;

    // A body may be left out.
    let forever = call(&app, "POST", &keys, &new, None, 201).await;
    assert_eq!(forever["expiresAt"], Value::Null);
    app.clock.advance(3_540);
    call(&app, "GET", "/api/rate-limit", &new, None, 401).await;
    let forever = forever["apiKey"].as_str().unwrap();
    for (body, at) in [
        (json!({ "expiresIn": 0 }), "#/expiresIn"),
        (json!({ "expiresIn": 315_360_001 }), "#/expiresIn"),
        (json!({ "overlap": -1 }), "#/overlap"),
        (json!({ "overlap": 7_776_001 }), "#/overlap"),
        (json!({ "overlap": 1.5 }), "#/overlap"),
        (json!({ "expires": 1 }), "#/expires"),
    ] {
        assert_eq!(pointer(&call(&app, "POST", &keys, forever, Some(&body), 422).await), at);
    }
    let text = app.request("POST", &keys).header("x-api-key", forever).body("{}");
    expect(text.send().await.unwrap(), StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn a_client_has_twenty_keys_at_most() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let keys = format!("{}/keys", place(&ada));
    for _ in 1..20 {
        call(&app, "POST", &keys, &app.admin_key, None, 201).await;
    }
    let refused = call(&app, "POST", &keys, &app.admin_key, None, 409).await;
    assert!(refused["detail"].as_str().unwrap().contains("revoke one"), "{refused}");
    call(&app, "POST", &keys, &app.admin_key, Some(&json!({ "overlap": 0 })), 201).await;
    assert_eq!(enters(&app, &ada).await, (401, 401));
}

#[tokio::test]
async fn an_erased_client_is_gone_and_its_counts_are_nobodys() {
    let app = App::start();
    let (ada, gate) = (app.register("ada", None).await, app.register("gate", Some("service")).await);
    expect(app.post("/api/logs", &ada.key, &event()).send().await.unwrap(), StatusCode::ACCEPTED).await;
    call(&app, "DELETE", &place(&ada), &app.admin_key, None, 204).await;
    assert_eq!(enters(&app, &ada).await, (401, 401));
    for (method, body) in [("GET", None), ("DELETE", None), ("PATCH", Some(json!({ "name": "x" })))] {
        call(&app, method, &place(&ada), &app.admin_key, body.as_ref(), 404).await;
    }
    call(&app, "POST", &format!("{}/keys", place(&ada)), &app.admin_key, None, 404).await;
    let listed = call(&app, "GET", "/api/clients", &app.admin_key, None, 200).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let mut late = event();
    late["clientId"] = json!(ada.id);
    call(&app, "POST", "/api/logs", &gate.key, Some(&late), 422).await;
    let usage = call(&app, "GET", "/api/usage/daily", &app.admin_key, None, 200).await;
    let row = &usage["data"][0];
    assert_eq!(row["requestCount"], 1);
    assert!(row["clientId"].as_str().unwrap().starts_with("anon-"), "{usage}");
    assert!(!usage.to_string().contains(&ada.id));
    // The address is free for another.
    assert_ne!(app.register("ada", None).await.id, ada.id);
}

#[tokio::test]
async fn admins_keep_the_door_open() {
    let app = App::start();
    let eve = app.register("eve", Some("admin")).await;
    for body in [json!({ "isActive": false }), json!({ "role": "client" })] {
        call(&app, "PATCH", &place(&eve), &eve.key, Some(&body), 409).await;
        call(&app, "PATCH", "/api/clients/CL-admin", &eve.key, Some(&body), 409).await;
    }
    for id in [&eve.id, "CL-admin"] {
        call(&app, "DELETE", &format!("/api/clients/{id}"), &eve.key, None, 409).await;
    }
    call(&app, "POST", "/api/clients/CL-admin/keys", &eve.key, None, 409).await;
    call(&app, "PATCH", &place(&eve), &app.admin_key, Some(&json!({ "role": "client" })), 200).await;
    call(&app, "GET", "/api/clients", &eve.key, None, 403).await;
}

#[tokio::test]
async fn what_does_not_exist_is_404_to_those_who_may_know() {
    let app = App::start();
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let unknown = format!("{}/keys/{}", place(&ada), key_id(&bob.key));
    for id in ["CL-nobody", "a%2Fb", "%20", &"x".repeat(65)] {
        call(&app, "GET", &format!("/api/clients/{id}"), &app.admin_key, None, 404).await;
        call(&app, "GET", &format!("/api/clients/{id}"), &ada.key, None, 404).await;
        call(&app, "DELETE", &format!("/api/clients/{id}"), &app.admin_key, None, 404).await;
        call(&app, "DELETE", &format!("/api/clients/{id}"), &ada.key, None, 403).await;
        call(
            &app,
            "DELETE",
            &format!("/api/clients/{id}/keys/{}", key_id(&ada.key)),
            &app.admin_key,
            None,
            404,
        )
        .await;
    }
    for key in [&app.admin_key, &ada.key] {
        call(&app, "DELETE", &unknown, key, None, 404).await;
        call(&app, "DELETE", &format!("{}/keys/NOT-A-KEY", place(&ada)), key, None, 404).await;
    }
    assert_eq!(enters(&app, &bob).await, (200, 200));
}

#[tokio::test]
async fn failed_authentications_are_slowed_down_per_network() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let from = |network: &str, key: &str| {
        app.get("/api/rate-limit", key).header("x-forwarded-for", network.to_owned()).send()
    };
    assert_eq!(from("192.0.2.1", &ada.key).await.unwrap().status(), 200);
    // Of a key's form, of another, and of none: 60 in a minute.
    for round in 0..20 {
        let legacy = format!("a-key-of-nobody-{round}");
        for bad in [legacy.as_str(), "atk_junk_junk_junk00", "?"] {
            assert_eq!(from("192.0.2.1", bad).await.unwrap().status(), 401);
        }
    }
    let refused = from("192.0.2.1", "a-key-of-nobody-again").await.unwrap();
    let wait: i64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(refused.headers()["ratelimit-policy"].to_str().unwrap().contains("failed-auth"));
    expect(refused, StatusCode::TOO_MANY_REQUESTS).await;
    let token = app.request("GET", "/api/rate-limit").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(token.bearer_auth("a.b.c").send().await.unwrap().status(), 429);

    // Before anything is looked up: the store is not asked.
    app.store.cut_off();
    assert_eq!(from("192.0.2.1", "a-key-of-nobody-again").await.unwrap().status(), 429);
    assert_eq!(from("192.0.2.2", "a-key-of-nobody-again").await.unwrap().status(), 503);
    app.store.heal();
    // Others behind the same address go on, by a key that is remembered or by any good token.
    assert_eq!(from("192.0.2.1", &ada.key).await.unwrap().status(), 200);
    let token = app.request("GET", "/api/rate-limit").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(token.bearer_auth(&ada.token).send().await.unwrap().status(), 200);
    app.clock.advance(wait);
    assert_eq!(from("192.0.2.1", "a-key-of-nobody-again").await.unwrap().status(), 401);
}

/// Good keys that have to be looked up give back what they took.
#[tokio::test]
async fn good_keys_do_not_count_as_failed() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for _ in 0..70 {
        app.forget(&ada.id);
        call(&app, "POST", "/api/token", &ada.key, None, 200).await;
    }
}
