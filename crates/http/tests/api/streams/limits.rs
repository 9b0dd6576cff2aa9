//! How many streams there may be, and what a reader costs that does not read.

use activity_adapter_memory::FeedOptions;
use activity_http::live::seats::StreamLimits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::sse::Reader;
use super::ws::{self, Socket};
use super::{call, soon};
use crate::app::{App, Options, expect};

#[tokio::test]
async fn streams_are_bounded_by_client_and_in_all_and_come_back() {
    let app = App::with(&Options { streams: StreamLimits { total: 3, per_client: 2 }, ..Options::default() });
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    let mut first = Reader::open(&app, &ada.key, "channel=logs").await;
    let mut second = Socket::open(&app, &ada.key).await;
    for answer in [
        app.get("/api/usage/stream", &ada.key).send().await.unwrap(),
        ws::ask(&app, Some(&ada.key), "", None).await,
    ] {
        assert_eq!(answer.headers()["retry-after"], "15");
        expect(answer, 429.try_into().unwrap()).await;
    }
    let _third = Reader::open(&app, &bob.key, "channel=logs").await;
    let answer = app.get("/api/usage/stream", &bob.key).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "15");
    expect(answer, 503.try_into().unwrap()).await;
    first.next_of("connected").await;
    // One that closes in order makes room.
    second.frame(true, actix_http::ws::OpCode::Close, &1000u16.to_be_bytes()).await;
    second.closed().await;
    soon("room", async {
        while app.live.seats.taken() > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    Reader::open(&app, &bob.key, "channel=logs").await;
}

/// A connection whose other end has almost no room for what it does not read.
async fn narrow(app: &App) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(app.url.strip_prefix("http://").unwrap().parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed_and_slows_nobody() {
    let feed = FeedOptions { waiting: 16, ..FeedOptions::default() };
    let app = App::with(&Options { feed, ..Options::default() });
    let service = app.register("gateway", Some("service")).await;
    let mut slow = narrow(&app).await;
    let request = format!(
        "GET /api/usage/stream?channel=logs HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n\r\n",
        service.key
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    soon("the stream", async {
        while app.live.seats.taken() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut quick = Reader::open(&app, &service.key, "channel=logs").await;
    let mut event = call("/long", "GET", 200);
    event["errorMessage"] = "x".repeat(2_000).into();
    event["clientId"] = app.register("ada", None).await.id.into();
    let rounds = 200;
    for _ in 0..rounds {
        app.record(&service.key, &vec![event.clone(); 8]).await;
        quick.logs(8).await;
    }
    // What it is told in the end adds up.
    event["endpoint"] = "/end".into();
    app.record(&service.key, &[event]).await;
    let mut bytes = Vec::new();
    let is_end = |bytes: &[u8]| bytes.windows(6).any(|six| six == b"\"/end\"");
    while !is_end(&bytes[bytes.len().saturating_sub(80_000)..]) {
        assert!(soon("the rest", slow.read_buf(&mut bytes)).await.unwrap() > 0);
    }
    let text = String::from_utf8(bytes).unwrap();
    let got = text.matches("event: log:new\n").count() as u64;
    let missed: u64 = text
        .split("{\"missed\":")
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(missed > 0);
    assert_eq!(got + missed, rounds * 8 + 1);
}

#[tokio::test]
async fn a_connection_has_so_many_subscriptions() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut socket = Socket::open(&app, &ada.key).await;
    for n in 0..16 {
        socket.subscribe(&n.to_string(), "logs", &json!({})).await;
    }
    socket.send(&json!({ "type": "subscribe", "channel": "logs" })).await;
    assert_eq!(socket.next().await["problem"]["status"], 429);
    socket.send(&json!({ "type": "unsubscribe", "id": "3" })).await;
    assert_eq!(socket.next().await, json!({ "type": "unsubscribed", "id": "3" }));
    socket.subscribe("3", "logs", &json!({})).await;
}
