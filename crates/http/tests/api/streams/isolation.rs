//! Nobody is told of what is not its own, over any channel, by any filter.

use serde_json::{Value, json};

use super::call;
use super::sse::Reader;
use super::ws::{self, Socket};
use crate::app::{App, expect};

/// Filters that a client might hope to get around its own with.
fn filters(own: &str) -> Vec<Value> {
    vec![
        json!({}),
        json!({ "clientId": own }),
        json!({ "endpoint": "/" }),
        json!({ "endpoint": "/secret" }),
        json!({ "method": "GET" }),
        json!({ "status": "2xx" }),
        json!({ "endpoint": "/secret", "method": "GET", "status": "200" }),
    ]
}

#[tokio::test]
async fn client_b_is_never_told_of_client_a() {
    let app = App::start();
    let [a, b] = [app.register("a", None).await, app.register("b", None).await];
    for channel in ["all", "logs", "daily", "rate-limit", "logs,daily"] {
        for filter in filters(&b.id) {
            // Opening so many costs more reads than there are in a minute.
            app.clock.advance(61);
            let query = serde_urlencoded::to_string(filter.as_object().unwrap()).unwrap();
            let mut reader = Reader::open(&app, &b.key, &format!("channel={channel},logs&{query}")).await;
            let mut socket = Socket::open(&app, &b.key).await;
            socket.subscribe("s", &format!("{channel},logs"), &filter).await;
            app.record(&a.key, &[call("/secret/of-a", "GET", 200)]).await;
            app.record(&b.key, &[call("/secret/end", "GET", 200)]).await;
            loop {
                let told = reader.next().await.unwrap();
                assert!(!is_of(&told.data, &a.id, "of-a"), "{told:?}");
                if told.event == "log:new" && told.data["endpoint"] == "/secret/end" {
                    break;
                }
            }
            loop {
                let told = socket.next().await;
                assert!(!is_of(&told, &a.id, "of-a"), "{told}");
                if told["type"] == "log:new" && told["data"]["endpoint"] == "/secret/end" {
                    break;
                }
            }
        }
    }
}

fn is_of(told: &Value, id: &str, path: &str) -> bool {
    let text = told.to_string();
    text.contains(id) || text.contains(path)
}

#[tokio::test]
async fn others_and_the_top_are_not_for_clients() {
    let app = App::start();
    let [a, b] = [app.register("a", None).await, app.register("b", None).await];
    let mut socket = Socket::open(&app, &b.key).await;
    for (channel, filter, status) in [
        ("logs", json!({ "clientId": a.id }), 404),
        ("logs", json!({ "clientId": "CL-nobody" }), 404),
        ("daily", json!({ "clientId": a.id }), 404),
        ("top", json!({}), 403),
        ("logs,top", json!({}), 403),
    ] {
        let query = serde_urlencoded::to_string(filter.as_object().unwrap()).unwrap();
        let path = format!("/api/usage/stream?channel={channel}&{query}");
        let answer = app.get(&path, &b.key).send().await.unwrap();
        expect(answer, status.try_into().unwrap()).await;
        socket.send(&json!({ "type": "subscribe", "channel": channel, "filter": filter })).await;
        let error = socket.next().await;
        assert_eq!(
            (&error["type"], &error["problem"]["status"]),
            (&json!("error"), &json!(status)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn services_and_admins_see_everybody_or_one_who_exists() {
    let app = App::start();
    let [a, b] = [app.register("a", None).await, app.register("b", None).await];
    let service = app.register("gateway", Some("service")).await;
    for key in [&app.admin_key, &service.key] {
        let mut everybody = Reader::open(&app, key, "channel=logs").await;
        let mut one = Reader::open(&app, key, &format!("channel=logs&clientId={}", b.id)).await;
        app.record(&a.key, &[call("/of-a", "GET", 200)]).await;
        app.record(&b.key, &[call("/of-b", "GET", 200)]).await;
        app.record(&b.key, &[call("/end", "GET", 200)]).await;
        assert_eq!(everybody.paths_until("/end").await, ["/of-a", "/of-b"]);
        assert_eq!(one.paths_until("/end").await, ["/of-b"]);
        let path = "/api/usage/stream?clientId=CL-nobody";
        expect(app.get(path, key).send().await.unwrap(), 404.try_into().unwrap()).await;
    }
}

#[tokio::test]
async fn a_pages_origin_has_to_be_known() {
    let cors = vec!["https://app.example.org".to_owned()];
    let app = App::with(&crate::app::Options { cors, ..Default::default() });
    let ada = app.register("ada", None).await;
    let own = app.url.clone();
    for origin in [own.as_str(), "https://app.example.org"] {
        Socket::of(ws::ask(&app, Some(&ada.key), "", Some(origin)).await).await;
    }
    for origin in ["https://evil.test", "null", "https://app.example.org.evil.test"] {
        let answer = ws::ask(&app, Some(&ada.key), "", Some(origin)).await;
        expect(answer, 403.try_into().unwrap()).await;
    }
}
