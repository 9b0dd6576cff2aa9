//! A network that loses answers, and one that loses everything.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::time::Duration;

use activity_adapter_postgres::{Options, PostgresStore};
use activity_contract::make;
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Appended, ClientRepo, Read};
use activity_testkit::{Database, Moment, Proxy};

const NOON: &str = "2026-03-10T12:00:00Z";

fn behind(proxy: &Proxy, database: &Database) -> PostgresStore {
    let server = kit::server(&database.address().at(proxy.port()));
    let wait = Duration::from_millis(500);
    PostgresStore::new(Options { reader_wait: wait, writer_wait: wait, ..Options::new(server) })
}

/// The answer to a commit is lost, or the commit itself: the next attempt tells which it was, and nothing is
/// stored twice or lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_commit_is_settled_by_the_cursor() {
    for (moment, settled) in [
        (Moment::Before, Append::Stored(Appended { stored: 3, ..Appended::default() })),
        (Moment::After, Append::Moved(3)),
    ] {
        let database = kit::database();
        let proxy = Proxy::to_port(database.address().port);
        let store = behind(&proxy, &database);
        kit::answered("the schema is there", || store.ready());
        let rows = (0..3).map(|id| make::call("CL-a", id, NOON)).collect();
        let batch = make::batch(make::stream(1), 0, rows);
        let trap = proxy.cut_at(b"COMMIT", moment);
        let answer = store.append(&batch).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        trap.wait(Duration::from_secs(10));
        assert_eq!(kit::answered("the next attempt", || store.append(&batch)), settled);
        assert_eq!(database.sql("SELECT count(*) FROM activity"), "3");
        assert_eq!(database.sql("SELECT count(*) FROM usage_delta"), "1");
    }
}

/// Where nothing arrives any more, calls end, and the store goes on when something does.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_was_cut_is_found_whole_again() {
    let database = kit::database();
    let proxy = Proxy::to_port(database.address().port);
    let store = behind(&proxy, &database);
    let batch = |first| make::batch(make::stream(1), first, vec![make::call("CL-a", first.into(), NOON)]);
    let stored = Append::Stored(Appended { stored: 1, ..Appended::default() });
    let (first, second) = (batch(0), batch(1));
    assert_eq!(kit::answered("a batch is stored", || store.append(&first)), stored);
    proxy.cut();
    for _ in 0..3 {
        assert!(store.append(&second).await.unwrap_err().is_transient());
        assert!(store.by_id(&make::client_id("CL-a"), Read::Eventual).await.unwrap_err().is_transient());
    }
    proxy.heal();
    assert_eq!(kit::answered("the next batch is stored", || store.append(&second)), stored);
    assert_eq!(store.by_id(&make::client_id("CL-a"), Read::Latest).await, Ok(None));
}
