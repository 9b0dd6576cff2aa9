//! Usage and limits as they are now, told when they change.

use serde_json::json;

use super::sse::Reader;
use super::ws::Socket;
use crate::app::App;

#[tokio::test]
async fn usage_by_day_is_told_at_the_start_and_when_it_changes() {
    let app = App::start();
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    let mut own = Reader::open(&app, &ada.key, "channel=daily").await;
    let mut all = Reader::open(&app, &app.admin_key, "channel=daily").await;
    assert_eq!(own.next_of("usage:daily:update").await.data["data"], json!([]));
    assert_eq!(all.next_of("usage:daily:update").await.data["timezone"], "UTC");
    app.record_many(&bob.key, 2).await;
    app.record_many(&ada.key, 3).await;
    let told = own.next_of("usage:daily:update").await.data;
    assert_eq!((&told["data"][0]["clientId"], &told["data"][0]["requestCount"]), (&json!(ada.id), &json!(3)));
    assert_eq!(told["data"].as_array().unwrap().len(), 1);
    loop {
        let told = all.next_of("usage:daily:update").await.data;
        let counts = told["data"].as_array().unwrap().iter().map(|row| row["requestCount"].as_u64().unwrap());
        if counts.sum::<u64>() == 5 {
            break;
        }
    }
}

#[tokio::test]
async fn the_top_is_told_to_those_who_may_know_it() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let service = app.register("gateway", Some("service")).await;
    let mut reader = Reader::open(&app, &service.key, "channel=top").await;
    let mut socket = Socket::open(&app, &app.admin_key).await;
    socket.subscribe("t", "top", &json!({})).await;
    assert_eq!(reader.next_of("usage:top:update").await.data["data"], json!([]));
    app.record_many(&ada.key, 3).await;
    assert_eq!(reader.next_of("usage:top:update").await.data["data"][0]["name"], "ada");
    loop {
        let told = socket.next_of("usage:top:update").await;
        assert_eq!(told["id"], "t");
        if told["data"]["data"][0]["requestCount"] == 3 {
            break;
        }
    }
}

#[tokio::test]
async fn a_client_follows_what_is_left_of_its_quota() {
    let app = App::start();
    let [ada, bob] = [app.register("ada", None).await, app.register("bob", None).await];
    let mut reader = Reader::open(&app, &ada.key, "channel=rate-limit").await;
    let mut told = reader.next_of("rate-limit:update").await.data;
    assert_eq!((&told["limit"], &told["remaining"]), (&json!(1_000), &json!(1_000)));
    app.record_many(&bob.key, 7).await;
    app.record_many(&ada.key, 3).await;
    while told["remaining"] != 997 {
        told = reader.next_of("rate-limit:update").await.data;
    }
    assert_eq!(told["policies"][0]["name"], "default");
}
