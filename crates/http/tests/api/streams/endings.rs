//! Streams end with the right to listen, and with the server.

use std::time::Duration;

use activity_domain::id::ClientId;
use activity_domain::port::ClientRepo;
use actix_http::ws::CloseCode;
use serde_json::json;
use tokio::time::timeout;

use super::sse::Reader;
use super::ws::Socket;
use crate::app::{App, Options, Registered, expect};

async fn both(app: &App, who: &Registered) -> (Reader, Socket) {
    let mut reader = Reader::open(app, &who.key, "channel=logs").await;
    reader.next_of("connected").await;
    let mut socket = Socket::open(app, &who.key).await;
    socket.subscribe("s", "logs", &json!({})).await;
    (reader, socket)
}

async fn are_ended(reader: &mut Reader, socket: &mut Socket, reason: &str) {
    // Sooner than everybody is looked at anyway.
    let ended = timeout(Duration::from_secs(8), async {
        assert_eq!(reader.next_of("closed").await.data["reason"], reason);
        assert_eq!(reader.next().await, None);
        socket.closed().await
    });
    let close = ended.await.unwrap();
    assert_eq!((close.code, close.description.as_deref()), (CloseCode::Policy, Some(reason)));
}

#[tokio::test]
async fn revoking_deactivating_and_erasing_end_streams_of_that_client_only() {
    let app = App::start();
    let bob = app.register("bob", None).await;
    let (mut others, mut other) = both(&app, &bob).await;
    let admin = |method: &str, path: &str| app.request(method, path).header("x-api-key", &app.admin_key);
    for (way, reason) in [
        ("revoke", "the key is not valid any more"),
        ("deactivate", "this client is deactivated"),
        ("promote", "the client's role has changed"),
        ("erase", "the key is not valid any more"),
    ] {
        let ada = app.register(way, None).await;
        let (mut reader, mut socket) = both(&app, &ada).await;
        let path = format!("/api/clients/{}", ada.id);
        let answer = match way {
            "revoke" => {
                let key = ada.key.split('_').nth(1).unwrap();
                admin("DELETE", &format!("{path}/keys/{key}")).send().await
            }
            "deactivate" => admin("PATCH", &path).json(&json!({ "isActive": false })).send().await,
            "promote" => admin("PATCH", &path).json(&json!({ "role": "service" })).send().await,
            _ => admin("DELETE", &path).send().await,
        };
        assert!(answer.unwrap().status().is_success());
        are_ended(&mut reader, &mut socket, reason).await;
    }
    app.record_many(&bob.key, 1).await;
    others.logs(1).await;
    other.next_of("log:new").await;
    drop((others, other));
}

#[tokio::test]
async fn what_another_instance_changed_ends_streams_too() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let (mut reader, mut socket) = both(&app, &ada).await;
    app.refresh().await;
    let id = ClientId::parse(&ada.id).unwrap();
    assert_eq!(app.store.erase(&id, &ClientId::anonymous([1; 10]), app.now()).await, Ok(true));
    app.refresh().await;
    are_ended(&mut reader, &mut socket, "the key is not valid any more").await;
}

#[tokio::test]
async fn other_keys_of_the_client_go_on() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let path = format!("/api/clients/{}/keys", ada.id);
    let answer = app.post(&path, &ada.key, &json!({})).send().await.unwrap();
    let second = expect(answer, 201.try_into().unwrap()).await;
    let key = second["apiKey"].as_str().unwrap();
    let mut first = Reader::open(&app, &ada.key, "channel=logs").await;
    let mut reader = Reader::open(&app, key, "channel=logs").await;
    let path = format!("{path}/{}", second["keyId"].as_str().unwrap());
    let answer = app.request("DELETE", &path).header("x-api-key", &ada.key).send().await.unwrap();
    assert!(answer.status().is_success());
    reader.next_of("closed").await;
    app.record_many(&ada.key, 1).await;
    first.logs(1).await;
}

#[tokio::test]
async fn a_store_out_of_reach_ends_nothing() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let (mut reader, mut socket) = both(&app, &ada).await;
    app.store.cut_off();
    app.forget(&ada.id);
    // It is looked up in vain, and then again.
    let before = app.live.seats.taken();
    app.store.heal();
    app.record_many(&ada.key, 1).await;
    reader.logs(1).await;
    socket.next_of("log:new").await;
    assert_eq!((before, app.live.seats.taken()), (2, 2));
}

#[tokio::test]
async fn a_token_that_is_over_ends_its_stream() {
    let app = App::with(&Options { token_lifetime: 3, ..Options::default() });
    let ada = app.register("ada", None).await;
    let answer = app.post("/api/token", &ada.key, &json!({})).send().await.unwrap();
    let token = expect(answer, 200.try_into().unwrap()).await["token"].as_str().unwrap().to_owned();
    let request = app.request("GET", "/api/usage/stream?channel=logs");
    let mut reader = Reader::by(request.header("authorization", format!("Bearer {token}"))).await;
    reader.next_of("connected").await;
    assert_eq!(reader.next_of("closed").await.data["reason"], "the token or key is over");
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn a_server_that_stops_sends_its_readers_elsewhere() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let (mut reader, mut socket) = both(&app, &ada).await;
    app.live.close();
    assert_eq!(reader.next_of("closed").await.data["reason"], "the server is shutting down");
    assert!((250..3_000).contains(&reader.retry.unwrap()), "{:?}", reader.retry);
    assert_eq!(reader.next().await, None);
    assert_eq!(socket.closed().await.code, CloseCode::Away);
    // Who comes now is sent away at once.
    let mut late = Reader::open(&app, &ada.key, "channel=logs").await;
    late.next_of("closed").await;
    app.shut_down().await;
}
