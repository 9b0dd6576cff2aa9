//! Tickets: for one stream, of whoever got it, and for nothing else.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::sse::Reader;
use super::ws;
use crate::app::{App, Options, expect};

#[tokio::test]
async fn a_ticket_opens_one_stream_of_whoever_got_it() {
    let app = App::start();
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    for by_token in [false, true] {
        let mut request = app.request("POST", "/api/stream-tickets");
        request = if by_token {
            request.header("authorization", format!("Bearer {}", ada.token))
        } else {
            request.header("x-api-key", &ada.key)
        };
        let answer = expect(request.send().await.unwrap(), 200.try_into().unwrap()).await;
        let expires = activity_domain::time::Timestamp::parse(answer["expiresAt"].as_str().unwrap()).unwrap();
        assert!(expires <= app.now().plus_seconds(30) && expires >= app.now().plus_seconds(20));
        let ticket = answer["ticket"].as_str().unwrap();
        let url = format!("/api/usage/stream?channel=logs&ticket={ticket}");
        let mut reader = Reader::by(app.request("GET", &url)).await;
        assert_eq!(reader.next().await.unwrap().event, "connected");
        app.record_many(&bob.key, 1).await;
        app.record_many(&ada.key, 1).await;
        assert_eq!(reader.logs(1).await[0].data["clientId"], ada.id.as_str());
        // Once is all.
        expect(app.request("GET", &url).send().await.unwrap(), 401.try_into().unwrap()).await;
    }
}

#[tokio::test]
async fn of_many_who_use_it_at_once_one_gets_in() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let ticket = app.ticket(&ada.key).await;
    let url = format!("/api/usage/stream?ticket={ticket}");
    let answers = join_all((0..8).map(|_| app.request("GET", &url).send())).await;
    let statuses: Vec<u16> =
        answers.iter().map(|answer| answer.as_ref().unwrap().status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 7, "{statuses:?}");
}

#[tokio::test]
async fn a_ticket_opens_a_web_socket_too_and_nothing_else() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let ticket = app.ticket(&ada.key).await;
    for path in ["/api/usage/daily", "/api/logs", "/api/rate-limit"] {
        let by_query = app.request("GET", &format!("{path}?ticket={ticket}")).send().await.unwrap();
        assert_eq!(by_query.status(), 401, "{path}");
        let by_header = app.request("GET", path).header("authorization", format!("Bearer {ticket}"));
        assert_eq!(by_header.send().await.unwrap().status(), 401, "{path}");
    }
    ws::Socket::of(ws::ask(&app, None, &format!("ticket={ticket}"), None).await).await;
    let again = ws::ask(&app, None, &format!("ticket={ticket}"), None).await;
    expect(again, 401.try_into().unwrap()).await;
    // A token or a key is no ticket.
    for secret in [ada.token.as_str(), ada.key.as_str(), "x", ""] {
        let answer = app.request("GET", &format!("/api/usage/stream?ticket={secret}")).send().await.unwrap();
        let problem = expect(answer, 401.try_into().unwrap()).await;
        assert!(secret.len() < 9 || !problem.to_string().contains(secret));
    }
    expect(app.request("POST", "/api/stream-tickets").send().await.unwrap(), 401.try_into().unwrap()).await;
}

#[tokio::test]
async fn a_ticket_of_a_revoked_key_is_none_and_without_the_store_nobody_knows() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let (ticket, other) = (app.ticket(&ada.key).await, app.ticket(&ada.key).await);
    let url = |ticket: &str| format!("/api/usage/stream?ticket={ticket}");
    app.store.cut_off();
    let answer = app.request("GET", &url(&ticket)).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "5");
    expect(answer, 503.try_into().unwrap()).await;
    app.store.heal();
    let mut reader = Reader::by(app.request("GET", &url(&ticket))).await;
    assert_eq!(reader.next().await.unwrap().event, "connected");
    let change = json!({ "isActive": false });
    let path = format!("/api/clients/{}", ada.id);
    let answer = app.request("PATCH", &path).header("x-api-key", &app.admin_key).json(&change).send().await;
    expect(answer.unwrap(), 200.try_into().unwrap()).await;
    expect(app.request("GET", &url(&other)).send().await.unwrap(), 403.try_into().unwrap()).await;
}

#[tokio::test]
async fn a_stream_by_ticket_ends_with_the_token_that_the_ticket_was_made_from() {
    let app = App::with(&Options { token_lifetime: 4, ..Options::default() });
    let ada = app.register("ada", None).await;
    let answer = app.post("/api/token", &ada.key, &json!({})).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let request = app.request("POST", "/api/stream-tickets");
    let request = request.header("authorization", format!("Bearer {}", answer["token"].as_str().unwrap()));
    let ticket: Value = request.send().await.unwrap().json().await.unwrap();
    let url = format!("/api/usage/stream?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut reader = Reader::by(app.request("GET", &url)).await;
    assert_eq!(reader.next().await.unwrap().event, "connected");
    let begun = std::time::Instant::now();
    let closed = reader.next_of("closed").await;
    assert_eq!(closed.data["reason"], "the token or key is over");
    assert_eq!(reader.next().await, None);
    assert!(begun.elapsed() > Duration::from_secs(1));
}
