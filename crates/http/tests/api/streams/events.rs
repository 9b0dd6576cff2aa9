//! Server-Sent Events: what comes, what is let through, and how a reader goes on where it was.

use serde_json::{Value, json};

use super::sse::Reader;
use super::{call, soon};
use crate::app::{App, Options, expect, pointer};
use activity_adapter_memory::FeedOptions;

#[tokio::test]
async fn a_stream_says_what_it_is_and_what_proxies_may_not_do() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let request = app.get("/api/usage/stream?channel=logs,daily&status=5xx", &ada.key);
    let answer = request.header("accept-encoding", "gzip").send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("x-accel-buffering"), "no");
    assert!(header("cache-control").contains("no-store"));
    assert_eq!(header("content-encoding"), "identity");
    let mut reader = Reader::of(answer);
    let connected = reader.next().await.unwrap();
    assert_eq!(connected.event, "connected");
    assert!(connected.id.is_some());
    assert_eq!(connected.data, json!({ "channels": ["logs", "daily"], "filter": { "status": "5xx" } }));
    assert_eq!(reader.retry, Some(3_000));
}

#[tokio::test]
async fn an_event_comes_as_it_is_read_back() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut reader = Reader::open(&app, &ada.key, "channel=logs").await;
    reader.next_of("connected").await;
    let mut event = call("/v1/\u{fc}ber\u{2028}", "PATCH", 599);
    event["errorMessage"] = "one\r\n\ndata: two".into();
    event["userAgent"] = "x".into();
    let text = event.to_string();
    // Space between tokens of metadata stays as it was sent.
    let text = text.replacen('{', "{\"metadata\":{\n\n\"a\":\r\n\"data: \\n\"\n\n},", 1);
    let request = app.request("POST", "/api/logs").header("x-api-key", &ada.key);
    let answer = request.header("content-type", "application/json").body(text).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let told = reader.logs(1).await.remove(0);
    let page: Value = app.get("/api/logs", &ada.key).send().await.unwrap().json().await.unwrap();
    assert_eq!(told.data, page["data"][0]);
    assert_eq!(told.data["errorMessage"], "one\r\n\ndata: two");
}

#[tokio::test]
async fn filters_let_through_what_fits_all_of_them() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for (query, expected) in [
        ("", vec!["/a", "/a/7", "/ab", "/b"]),
        ("endpoint=/a", vec!["/a", "/a/7"]),
        ("endpoint=/a/%7Bid%7D", vec!["/a/7"]),
        ("method=get", vec!["/a", "/ab"]),
        ("status=404", vec!["/a/7"]),
        ("status=4xx", vec!["/a/7", "/b"]),
        ("endpoint=/b&method=POST&status=4xx", vec!["/b"]),
        ("endpoint=/b&method=GET", vec![]),
    ] {
        let mut reader = Reader::open(&app, &ada.key, &format!("channel=logs&{query}")).await;
        let mut all = Reader::open(&app, &ada.key, "channel=logs").await;
        let calls = [
            call("/a", "GET", 200),
            call("/a/7", "POST", 404),
            call("/ab", "GET", 200),
            call("/b", "POST", 400),
        ];
        app.record(&ada.key, &calls).await;
        app.record(&ada.key, &[call("/end", "GET", 200)]).await;
        assert_eq!(all.paths_until("/end").await.len(), 4);
        let mut found = Vec::new();
        while found.len() < expected.len() {
            found.push(reader.logs(1).await[0].data["endpoint"].as_str().unwrap().to_owned());
        }
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for (query, name) in [
        ("channel=log", "?channel"),
        ("channel=", "?channel"),
        ("clientId=%20", "?clientId"),
        ("endpoint=a", "?endpoint"),
        ("method=%20", "?method"),
        ("status=6xx", "?status"),
        ("lastEventId=junk", "?lastEventId"),
        ("chanel=logs", "?chanel"),
    ] {
        let answer = app.get(&format!("/api/usage/stream?{query}"), &ada.key).send().await.unwrap();
        let problem = expect(answer, 422.try_into().unwrap()).await;
        assert_eq!(pointer(&problem), name, "{problem}");
    }
    let request = app.get("/api/usage/stream", &ada.key).header("last-event-id", "~");
    expect(request.send().await.unwrap(), 422.try_into().unwrap()).await;
    expect(app.request("GET", "/api/usage/stream").send().await.unwrap(), 401.try_into().unwrap()).await;
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_what_it_missed() {
    let app = App::start();
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    let paths =
        |from: usize, to: usize| (from..to).map(|n| call(&format!("/n{n}"), "GET", 200)).collect::<Vec<_>>();
    for by_header in [false, true] {
        let mut reader = Reader::open(&app, &ada.key, "channel=logs").await;
        let before = reader.next_of("connected").await.id.unwrap();
        app.record(&ada.key, &paths(0, 3)).await;
        let seen = reader.logs(2).await;
        drop(reader);
        app.record(&bob.key, &paths(50, 60)).await;
        app.record(&ada.key, &paths(3, 6)).await;
        for (id, first) in [(before, 0), (seen[1].id.clone().unwrap(), 2)] {
            let request = if by_header {
                // The header is newer than the URL.
                app.get("/api/usage/stream?channel=logs&lastEventId=junk", &ada.key)
                    .header("last-event-id", id)
            } else {
                app.get(&format!("/api/usage/stream?channel=logs&lastEventId={id}"), &ada.key)
            };
            let mut reader = Reader::by(request).await;
            app.record(&ada.key, &[call("/end", "GET", 200)]).await;
            let expected: Vec<String> = (first..6).map(|n| format!("/n{n}")).collect();
            let mut found = reader.paths_until("/end").await;
            // The second of these has seen the end of the first.
            found.retain(|path| path != "/end");
            assert_eq!(found[..expected.len().min(found.len())], expected);
        }
    }
}

#[tokio::test]
async fn a_place_is_good_for_its_own_events_only() {
    let app = App::start();
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    let mut reader = Reader::open(&app, &ada.key, "channel=logs").await;
    let id = reader.next_of("connected").await.id.unwrap();
    let answer = app.get(&format!("/api/usage/stream?lastEventId={id}"), &bob.key).send().await.unwrap();
    assert_eq!(pointer(&expect(answer, 422.try_into().unwrap()).await), "?lastEventId");
}

#[tokio::test]
async fn who_comes_back_too_late_is_told_how_many_are_gone() {
    let feed = FeedOptions { events: 10, ..FeedOptions::default() };
    let app = App::with(&Options { feed, ..Options::default() });
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    let mut reader = Reader::open(&app, &ada.key, "channel=logs").await;
    app.record_many(&ada.key, 1).await;
    let id = reader.logs(1).await.remove(0).id.unwrap();
    drop(reader);
    app.record_many(&bob.key, 7).await;
    app.record_many(&ada.key, 25).await;
    let mut reader = Reader::open(&app, &ada.key, &format!("channel=logs&lastEventId={id}")).await;
    let lagged = soon("lagged", reader.next_of("lagged")).await;
    let missed = lagged.data["missed"].as_u64().unwrap();
    assert_eq!(lagged.data["exact"], true);
    app.record(&ada.key, &[call("/end", "GET", 200)]).await;
    assert_eq!(missed + reader.paths_until("/end").await.len() as u64, 25);
    assert!(missed >= 15);
}
