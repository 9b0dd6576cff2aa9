//! A database that comes after the server, and one that goes away.

use std::time::{Duration, Instant};

use activity_testkit::{Postgres, Stop};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Event, Ledger, Node, Outcome, Random, until};
use crate::{LONG, check, readyz, started};

/// Whoever is not known yet.
async fn status_of(node: &Node, key: &str) -> StatusCode {
    node.http.get(node.at("/api/usage/daily")).header("x-api-key", key).send().await.unwrap().status()
}

/// Waits until the server has made contact.
async fn contact(node: &Node) {
    until("contact", LONG, async || readyz(node, "store").await.1.then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_without_its_database_takes_events_and_catches_up() {
    let mut postgres = Postgres::start();
    let address = postgres.address().clone();
    // Somebody who was registered once, and is not known to a server that has just started.
    let mut first = started(&address, &[]).await;
    let ada = first.register("ada", "client").await;
    first.stop().await;
    postgres.stop(Stop::Immediate);

    let mut node = started(&address, &[]).await;
    let (status, ok, detail) = readyz(&node, "store").await;
    assert_eq!((status, ok), (StatusCode::OK, false));
    assert_eq!(detail, "Postgres cannot be reached; events wait in the spool");
    assert_eq!(node.http.get(node.at("/livez")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(status_of(&node, &ada.key).await, StatusCode::SERVICE_UNAVAILABLE, "not 401");
    let admin = node.admin_key();
    let (mut ledger, mut random) = (Ledger::default(), Random(1));
    for _ in 0..20 {
        let events = Event::several(10, &ada, &mut random);
        let status = ledger.send(node.post(&admin), events).await;
        assert_eq!(status, Some(StatusCode::ACCEPTED));
    }
    postgres.start_again();
    contact(&node).await;
    until("ada to be known", LONG, async || {
        (status_of(&node, &ada.key).await == StatusCode::OK).then_some(())
    })
    .await;
    node.drain(&ada, &mut ledger).await;
    until("the log to say it", LONG, async || node.log().contains("the database is reached").then_some(()))
        .await;
    let last = node.stop().await;
    assert_eq!((&last["stored"], &last["accepted"]), (&last["accepted"], &ledger.count(Outcome::Ok).into()));
    check(&address, &ledger);
    let log = node.log();
    let told = log.matches("the database is not reached yet").count();
    // Once that nobody is there, and once that somebody is starting, if that is seen.
    assert!((1..3).contains(&told) && log.contains("Connection refused"), "told {told} times: {log}");
}

/// The first of all servers comes before its database, which is empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_later_is_set_up_then() {
    let mut postgres = Postgres::start();
    postgres.stop(Stop::Fast);
    let address = postgres.address().clone();
    let mut node = started(&address, &[]).await;
    postgres.start_again();
    contact(&node).await;
    let ada = node.register("ada", "client").await;
    node.record(&ada.key, &Event::several(5, &ada, &mut Random(2)), true).await;
    node.stop().await;
    assert_eq!(address.sql("SELECT count(*) FROM activity"), "5");
}

/// The worst kind of away: whoever connects is let in, and nobody says anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_frozen_at_the_start_keeps_nobody_waiting() {
    let postgres = Postgres::start();
    let address = postgres.address().clone();
    let mut first = started(&address, &[]).await;
    let ada = first.register("ada", "client").await;
    first.stop().await;
    postgres.freeze();
    let mut node = crate::node(&address, &[]);
    node.spawn();
    node.ready(LONG).await;
    let (status, ok, detail) = readyz(&node, "store").await;
    assert_eq!((status, ok), (StatusCode::OK, false));
    assert_eq!(detail, "Postgres does not answer in time; events wait in the spool");
    let mut ledger = Ledger::default();
    let events = Event::several(10, &ada, &mut Random(5));
    let began = Instant::now();
    assert_eq!(ledger.send(node.post(&node.admin_key()), events).await, Some(StatusCode::ACCEPTED));
    // One look-up that is waited for, whatever number of events.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    postgres.thaw();
    contact(&node).await;
    node.drain(&ada, &mut ledger).await;
    node.stop().await;
    check(&address, &ledger);
}

/// A spool that is full is what fails /readyz, and not the database that it is full for.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_is_not_ready() {
    let mut postgres = Postgres::start();
    let address = postgres.address().clone();
    let node = started(&address, &[("SPOOL_MAX_BYTES", "16MiB")]).await;
    let ada = node.register("ada", "client").await;
    node.record(&ada.key, &Event::several(1, &ada, &mut Random(3)), true).await;
    postgres.stop(Stop::Immediate);
    assert_eq!(readyz(&node, "store").await.0, StatusCode::OK);
    let event = json!({ "endpoint": "/x", "method": "GET", "statusCode": 200,
        "metadata": { "note": "x".repeat(4_000) } });
    let many = vec![event; 500];
    until("a full spool", LONG, async || {
        let status = node.post(&ada.key).json(&many).send().await.unwrap().status();
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    let (status, ok, detail) = readyz(&node, "spool").await;
    assert_eq!((status, ok), (StatusCode::SERVICE_UNAVAILABLE, false), "{detail}");
}
