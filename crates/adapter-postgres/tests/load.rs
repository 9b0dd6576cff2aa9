//! Servers that hang, tables that are locked and connections that are all in use: calls end soon, and questions
//! do not hold up batches.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::time::{Duration, Instant};

use activity_adapter_postgres::{Options, PostgresStore};
use activity_contract::make;
use activity_domain::port::{ActivitySink, Append, Appended, ClientRepo, Read};
use activity_testkit::Postgres;

const NOON: &str = "2026-03-10T12:00:00Z";

fn stored() -> Append {
    Append::Stored(Appended { stored: 1, ..Appended::default() })
}

/// Somebody holds a table that questions need. They fail within a second or so, also those that find all
/// connections taken by others like them, and batches are stored meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn questions_in_trouble_do_not_hold_up_batches() {
    let database = kit::database();
    let options = Options { readers: 2, ..Options::new(kit::server(database.address())) };
    let store = PostgresStore::new(options);
    store.ready().await.unwrap();
    let lock = kit::hold(&database, "LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE").await;
    let start = Instant::now();
    let questions: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.by_key(&make::key(1).digest, Read::Latest).await })
        })
        .collect();
    for first in 0..20 {
        let batch = make::batch(make::stream(1), first, vec![make::call("CL-a", first.into(), NOON)]);
        assert_eq!(store.append(&batch).await, Ok(stored()));
    }
    for question in questions {
        assert!(question.await.unwrap().unwrap_err().is_transient());
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    drop(lock);
    activity_testkit::until("the table is free", Duration::from_secs(10), || {
        let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'api_key'::regclass";
        (database.sql(locks) == "0").then_some(())
    });
    assert_eq!(store.by_key(&make::key(1).digest, Read::Latest).await, Ok(None));
}

/// A server that hangs takes what is sent to it and answers nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up() {
    let server = Postgres::start();
    let limit = Duration::from_millis(700);
    let options = Options {
        reader_wait: limit,
        writer_wait: limit,
        reader_limit: limit,
        writer_limit: limit,
        ..Options::new(kit::server(server.address()))
    };
    let store = PostgresStore::new(options);
    let batch = |first| make::batch(make::stream(1), first, vec![make::call("CL-a", first.into(), NOON)]);
    kit::answered("the schema is there", || store.ready());
    assert_eq!(store.append(&batch(0)).await, Ok(stored()));
    assert_eq!(store.position(make::stream(1)).await, Ok(1));
    server.freeze();
    for _ in 0..3 {
        let start = Instant::now();
        assert!(store.append(&batch(1)).await.unwrap_err().is_transient());
        assert!(store.position(make::stream(1)).await.unwrap_err().is_transient());
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    }
    server.thaw();
    kit::answered("it answers", || store.position(make::stream(1)));
    // What was given up was taken back.
    assert_eq!(store.append(&batch(1)).await, Ok(stored()));
    assert_eq!(server.sql("SELECT count(*) FROM activity"), "2");
}
