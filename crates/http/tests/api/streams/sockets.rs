//! Connections by WebSocket: what is said, and what is not to be said.

use actix_http::ws::{CloseCode, OpCode};
use serde_json::{Value, json};

use super::call;
use super::ws::{self, Socket};
use crate::app::{App, expect};

#[tokio::test]
async fn subscriptions_are_told_apart_and_end_one_by_one() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut socket = Socket::open(&app, &ada.key).await;
    let good = socket.subscribe("good", "logs", &json!({ "status": "2xx" })).await;
    assert_eq!(good["channels"], json!(["logs"]));
    assert_eq!(good["filter"], json!({ "status": "2xx" }));
    socket.send(&json!({ "type": "subscribe", "channel": "logs", "filter": { "status": "5xx" } })).await;
    assert_eq!(socket.next().await["id"], "1");
    app.record(&ada.key, &[call("/a", "GET", 200), call("/b", "GET", 500)]).await;
    let mut told = [socket.next().await, socket.next().await];
    told.sort_by_key(|message| message["data"]["endpoint"].to_string());
    let brief = |message: &Value| (message["id"].clone(), message["data"]["endpoint"].clone());
    assert_eq!(brief(&told[0]), (json!("good"), json!("/a")));
    assert_eq!(brief(&told[1]), (json!("1"), json!("/b")));
    socket.send(&json!({ "type": "unsubscribe", "id": "good" })).await;
    socket.next_of("unsubscribed").await;
    app.record(&ada.key, &[call("/c", "GET", 200), call("/d", "GET", 500)]).await;
    assert_eq!(socket.next().await["data"]["endpoint"], "/d");
}

#[tokio::test]
async fn a_subscription_goes_on_behind_an_event() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut socket = Socket::open(&app, &ada.key).await;
    socket.subscribe("s", "logs", &json!({})).await;
    app.record(&ada.key, &[call("/a", "GET", 200)]).await;
    let id = socket.next_of("log:new").await["eventId"].clone();
    drop(socket);
    app.record(&ada.key, &[call("/b", "GET", 200)]).await;
    let mut socket = Socket::open(&app, &ada.key).await;
    socket.send(&json!({ "type": "subscribe", "channel": "logs", "lastEventId": id })).await;
    assert_eq!(socket.next_of("log:new").await["data"]["endpoint"], "/b");
}

#[tokio::test]
async fn what_cannot_be_heeded_is_a_problem_that_points_at_it() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut socket = Socket::open(&app, &ada.key).await;
    socket.subscribe("s", "logs", &json!({})).await;
    for (message, status, pointer) in [
        (json!({ "type": "subscribe", "id": "s" }), 409, None),
        (json!({ "type": "subscribe", "id": "" }), 422, Some("#/id")),
        (json!({ "type": "subscribe", "channel": "log" }), 422, Some("#/channel")),
        (json!({ "type": "subscribe", "filter": { "status": "x" } }), 422, Some("#/filter/status")),
        (json!({ "type": "subscribe", "filter": { "endpoint": "x" } }), 422, Some("#/filter/endpoint")),
        (json!({ "type": "subscribe", "lastEventId": "x" }), 422, Some("#/lastEventId")),
        (json!({ "type": "subscribe", "chanel": "logs" }), 422, None),
        (json!({ "type": "unsubscribe", "id": "x" }), 404, None),
        (json!({ "type": "shout" }), 422, None),
        (json!([]), 422, None),
    ] {
        socket.send(&message).await;
        let error = socket.next().await;
        assert_eq!(error["type"], "error", "{message}: {error}");
        assert_eq!(error["problem"]["status"], status, "{message}: {error}");
        if let Some(pointer) = pointer {
            assert_eq!(error["problem"]["errors"][0]["pointer"], pointer, "{error}");
        }
    }
    socket.frame(true, OpCode::Text, b"{").await;
    assert_eq!(socket.next().await["problem"]["status"], 400);
    socket.send(&json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
    socket.frame(true, OpCode::Ping, b"abc").await;
    assert_eq!(socket.any().await, Some((OpCode::Pong, b"abc".to_vec())));
    // It is enough some day.
    for _ in 0..40 {
        socket.frame(true, OpCode::Text, b"{").await;
    }
    assert_eq!(socket.closed().await.code, CloseCode::Policy);
}

#[tokio::test]
async fn frames_that_are_wrong_close_with_their_code() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let long = vec![b'x'; 17 << 10];
    for (is_last, code, data, expected) in [
        (true, OpCode::Binary, b"x".as_slice(), CloseCode::Unsupported),
        (true, OpCode::Text, b"\xff\xfe", CloseCode::Invalid),
        (true, OpCode::Text, &long, CloseCode::Size),
        (true, OpCode::Continue, b"x", CloseCode::Protocol),
        (false, OpCode::Ping, b"x", CloseCode::Protocol),
        (true, OpCode::Close, &1001u16.to_be_bytes(), CloseCode::Away),
        (true, OpCode::Close, b"", CloseCode::Normal),
    ] {
        let mut socket = Socket::open(&app, &ada.key).await;
        socket.frame(is_last, code, data).await;
        assert_eq!(socket.closed().await.code, expected, "{code:?}");
    }
    // No character ends where the first frame does, and the second begins with none.
    let mut socket = Socket::open(&app, &ada.key).await;
    socket.frame(false, OpCode::Text, b"{\xce").await;
    socket.frame(true, OpCode::Continue, b"\xff").await;
    assert_eq!(socket.closed().await.code, CloseCode::Invalid);
    // Not masked; a reserved bit; an opcode that there is none of.
    for raw in [[0x81, 1, b'x', 0, 0, 0, 0], [0xc1, 0x80, 0, 0, 0, 0, 0], [0x83, 0x80, 0, 0, 0, 0, 0]] {
        let mut socket = Socket::open(&app, &ada.key).await;
        socket.raw(&raw).await;
        assert_eq!(socket.closed().await.code, CloseCode::Protocol);
    }
}

#[tokio::test]
async fn a_plain_request_is_told_to_upgrade() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let answer = app.get("/api/ws", &ada.key).send().await.unwrap();
    assert_eq!(answer.headers()["upgrade"], "websocket");
    expect(answer, 426.try_into().unwrap()).await;
    expect(ws::ask(&app, None, "", None).await, 401.try_into().unwrap()).await;
    expect(ws::ask(&app, Some(&ada.key), "x=1", None).await, 422.try_into().unwrap()).await;
}
