//! While the primary is lost, questions are refused at once; when it is back, they are not.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::time::{Duration, Instant};

use activity_adapter_postgres::{Ailment, Options, PostgresStore};
use activity_contract::make;
use activity_domain::error::StoreError;
use activity_domain::port::{ClientRepo, Read};
use activity_testkit::{Address, Postgres, Stop};

/// As long as no question may wait here.
const WAIT: Duration = Duration::from_secs(30);

fn store(address: &Address) -> PostgresStore {
    PostgresStore::new(Options { reader_wait: WAIT, ..Options::new(kit::server(address)) })
}

async fn ask(store: &PostgresStore) -> Result<(), StoreError> {
    store.by_id(&make::client_id("CL-a"), Read::Latest).await.map(|_| ())
}

async fn is_refused_at_once(store: &PostgresStore, questions: usize) {
    let start = Instant::now();
    for _ in 0..questions {
        assert!(ask(store).await.unwrap_err().is_transient());
        assert!(start.elapsed() < WAIT, "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_do_not_wait_for_a_primary_that_is_lost() {
    let mut server = Postgres::start();
    let store = store(server.address());
    kit::answered("the schema is there", || store.ready());
    assert_eq!((ask(&store).await, store.counts().openings), (Ok(()), 0));
    for outage in 1..4 {
        let before = store.counts();
        server.stop(Stop::Immediate);
        is_refused_at_once(&store, 20).await;
        let after = store.counts();
        assert!(
            after.openings > before.openings && after.refused >= before.refused + 19,
            "{outage}: {after:?}"
        );
        server.start_again();
        kit::answered("it is back", || ask(&store));
    }
    assert_eq!(store.counts().failovers, 0, "the same server came back");
}

/// A server that was not there when the store was made is found when it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_comes_later_is_found() {
    let mut server = Postgres::start();
    server.stop(Stop::Fast);
    let store = store(server.address());
    is_refused_at_once(&store, 20).await;
    server.start_again();
    kit::answered("first contact", || store.ready());
    kit::answered("an answer", || ask(&store));
}

/// Whoever connects to a frozen server is let in by the kernel and greeted by nobody; whoever is connected waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_freezes_is_lost() {
    let server = Postgres::start();
    let options =
        Options { reader_wait: WAIT, reader_limit: WAIT, ..Options::new(kit::server(server.address())) };
    let store = PostgresStore::new(options);
    kit::answered("the schema is there", || store.ready());
    assert_eq!(ask(&store).await, Ok(()));
    server.freeze();
    let start = Instant::now();
    assert!(ask(&store).await.unwrap_err().is_transient());
    is_refused_at_once(&store, 20).await;
    assert!(start.elapsed() < WAIT, "{:?}", start.elapsed());
    server.thaw();
    kit::answered("it is back", || ask(&store));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_fail_do_not_mean_that_it_is_lost() {
    let database = kit::database();
    let store = store(database.address());
    store.ready().await.unwrap();
    let lock = kit::hold(&database, "LOCK TABLE client IN ACCESS EXCLUSIVE MODE").await;
    for _ in 0..3 {
        assert!(ask(&store).await.unwrap_err().is_transient());
    }
    assert_eq!(store.counts().openings, 0);
    drop(lock);
    kit::answered("the table is free", || ask(&store));
}

/// Connections that there are go on working, and are used.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_lets_in_nobody_new_serves_those_who_are_in() {
    let server = Postgres::start();
    server.sql("CREATE ROLE app SUPERUSER LOGIN PASSWORD 'one'");
    let app = Address { user: "app".into(), password: "one".into(), ..server.address().clone() };
    let store = store(&app);
    kit::answered("the schema is there", || store.ready());
    assert_eq!(ask(&store).await, Ok(()));
    server.sql("ALTER ROLE app PASSWORD 'other'");
    // It has no connection yet.
    assert_eq!(store.condition().await, Err(Ailment::NoEntry));
    for _ in 0..20 {
        assert_eq!(ask(&store).await, Ok(()));
    }
    assert!(store.counts().openings > 0, "it was noticed");
    server.sql("ALTER ROLE app PASSWORD 'one'");
    kit::answered("everything is in order", || store.condition());
}
