//! The schema's versions, a database that is out of reach, and callers that go away.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod kit;

use std::time::Duration;

use activity_adapter_postgres::{Options, PostgresStore, migrations};
use activity_contract::make;
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Appended, ClientRepo, Read};
use activity_testkit::{Database, Postgres, Stop};

const NOON: &str = "2026-03-10T12:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_up_and_down_and_refuse_a_newer_schema() {
    let database = Database::empty();
    let server = kit::server(database.address());
    assert!(migrations::status(&server).await.unwrap().iter().all(|version| !version.applied));
    migrations::up(&server).await.unwrap();
    assert!(migrations::status(&server).await.unwrap().iter().all(|version| version.applied));
    migrations::up(&server).await.unwrap();
    database.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')");
    let store = kit::store(&database);
    let Err(StoreError::Refused(reason)) = store.ready().await else {
        panic!("a newer schema was opened");
    };
    assert!(reason.contains("99991231000000") && reason.contains("migrate down"), "{reason}");
    database.sql("DELETE FROM __diesel_schema_migrations WHERE version = '99991231000000'");
    for _ in migrations::status(&server).await.unwrap() {
        migrations::down(&server).await.unwrap();
    }
    let left =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')";
    assert_eq!(database.sql(left), "1", "the table of versions alone");
    assert_eq!(store.position(make::stream(1)).await, Ok(0), "what was refused may be asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_at_once_migrate_once() {
    let database = Database::empty();
    let starts: Vec<_> = (0..10)
        .map(|_| {
            let store = kit::store(&database);
            tokio::spawn(async move { store.ready().await })
        })
        .collect();
    for start in starts {
        assert_eq!(start.await.unwrap(), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_encoding_is_refused() {
    let server = Postgres::start();
    server.sql("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    let store = PostgresStore::new(Options::new(kit::server(&server.address().of("bytes"))));
    let answer = store.ready().await;
    assert!(matches!(&answer, Err(StoreError::Refused(reason)) if reason.contains("UTF8")), "{answer:?}");
}

/// A store is made while its server is away, and goes on when it is there; a restart costs failures that pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_come_later_and_go_away() {
    let mut server = Postgres::start();
    server.stop(Stop::Immediate);
    let options = Options {
        reader_wait: Duration::from_millis(300),
        writer_wait: Duration::from_millis(300),
        ..Options::new(kit::server(server.address()))
    };
    let store = PostgresStore::new(options);
    let batch = |first| make::batch(make::stream(1), first, vec![make::call("CL-a", first.into(), NOON)]);
    for _ in 0..2 {
        assert!(store.append(&batch(0)).await.unwrap_err().is_transient());
        assert!(store.by_id(&make::client_id("CL-a"), Read::Eventual).await.unwrap_err().is_transient());
    }
    let stored = Append::Stored(Appended { stored: 1, ..Appended::default() });
    for first in 0..2 {
        let batch = batch(first);
        assert!(store.append(&batch).await.unwrap_err().is_transient());
        server.start_again();
        assert_eq!(kit::answered("the server takes a batch", || store.append(&batch)), stored);
        server.stop(Stop::Immediate);
    }
    server.start_again();
    assert_eq!(kit::answered("the server answers", || store.position(make::stream(1))), 2);
}

/// A web worker has a runtime of one thread. A request that it drops while the store is busy must not
/// take the worker along, and what was begun is done to its end.
#[test]
fn a_dropped_call_on_a_single_thread_harms_nobody() {
    let database = kit::database();
    let main = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = main.block_on(async { kit::store(&database) });
    main.block_on(store.ready()).unwrap();
    // Somebody is in the middle of a change that the batch has to wait for.
    let lock = main.block_on(kit::hold(&database, "LOCK TABLE cursor IN ACCESS EXCLUSIVE MODE"));

    let worker = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batch = make::batch(make::stream(1), 0, vec![make::call("CL-a", 1, NOON)]);
    let patience = Duration::from_millis(300);
    let dropped = worker.block_on(async { tokio::time::timeout(patience, store.append(&batch)).await });
    assert!(dropped.is_err(), "the table is locked, so the call is dropped while it waits");
    drop(lock);

    // The dropped attempt is done, or will be: the cursor tells.
    let after = worker.block_on(store.append(&batch));
    let stored = Appended { stored: 1, ..Appended::default() };
    assert!([Ok(Append::Moved(1)), Ok(Append::Stored(stored))].contains(&after), "{after:?}");
    activity_testkit::until("the row is there", Duration::from_secs(10), || {
        (database.sql("SELECT count(*) FROM activity") == "1").then_some(())
    });
}

/// The earlier program could not read a call without a status: it does not get it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_status_cannot_be_taken_back() {
    let database = kit::database();
    let server = kit::server(database.address());
    let store = kit::store(&database);
    let row = make::answered(make::call("CL-1", 1, NOON), 0, None);
    let later = make::answered(make::call("CL-1", 2, "2026-03-11T00:00:00Z"), 100, None);
    let stored = store.append(&make::batch(make::stream(1), 0, vec![row, later])).await.unwrap();
    assert!(matches!(stored, Append::Stored(it) if it.stored == 2), "{stored:?}");
    for refused in ["99", "600", "-1"] {
        let changed = database.address().try_sql(&format!("UPDATE activity SET status = {refused}"));
        assert!(changed.is_err(), "{refused}");
    }
    drop(store);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    activity_testkit::until("the store's connections to end", Duration::from_secs(30), || {
        (database.sql(others) == "0").then_some(())
    });
    let later = "20261126000008";
    while migrations::status(&server).await.unwrap().iter().any(|v| v.applied && v.name.as_str() >= later) {
        migrations::down(&server).await.unwrap();
    }
    let refused = migrations::down(&server).await.unwrap_err();
    assert!(format!("{refused:?}").contains("activity_status_check"), "{refused:?}");
    database.sql("UPDATE activity SET status = 200 WHERE status = 0");
    migrations::down(&server).await.unwrap();
    assert!(database.address().try_sql("UPDATE activity SET status = 0").is_err());
    migrations::up(&server).await.unwrap();
    database.sql("UPDATE activity SET status = 0");
}
