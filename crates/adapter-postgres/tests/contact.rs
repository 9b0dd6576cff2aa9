//! First contact: what is set up, what is refused for good, and what may pass.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod kit;

use std::time::Duration;

use activity_adapter_postgres::{Ailment, Fingerprint, Options, PostgresStore, fingerprints, migrations};
use activity_contract::make;
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, ClientRepo, Read};
use activity_testkit::{Address, Database, Postgres};

fn secret(in_use: u8, former: &[u8]) -> Fingerprint {
    Fingerprint {
        name: "JWT_SECRET",
        in_use: [in_use; 32],
        former: former.iter().map(|byte| [*byte; 32]).collect(),
    }
}

fn with(address: &Address, secret: Fingerprint) -> PostgresStore {
    // As long as a machine may stand still on which much is built and tested.
    let writer_wait = Duration::from_secs(30);
    PostgresStore::new(Options { secrets: vec![secret], writer_wait, ..Options::new(kit::server(address)) })
}

fn reason(answer: Result<(), StoreError>) -> String {
    match answer {
        Err(StoreError::Refused(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_lacks_a_version_is_left_alone() {
    let database = kit::database();
    let server = kit::server(database.address());
    migrations::down(&server).await.unwrap();
    let store = kit::store(&database);
    let refused = reason(store.ready().await);
    assert!(refused.contains("lacks") && refused.contains("`activity-tracker migrate up`"), "{refused}");
    assert!(migrations::status(&server).await.unwrap().iter().any(|version| !version.applied));
    assert_eq!(store.condition().await, Err(Ailment::NotReady));
    migrations::up(&server).await.unwrap();
    assert_eq!((store.ready().await, store.condition().await), (Ok(()), Ok(())));
}

/// Many that come first at once with two secrets: one of the secrets is noted, and all with the other are refused.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_secrets_at_once_one_is_noted() {
    let database = Database::empty();
    let starts: Vec<_> = (0..10)
        .map(|n| {
            let store = with(database.address(), secret(n % 2, &[]));
            tokio::spawn(async move { store.ready().await })
        })
        .collect();
    let mut answers = [Vec::new(), Vec::new()];
    for (n, start) in starts.into_iter().enumerate() {
        answers[n % 2].push(start.await.unwrap().is_ok());
    }
    answers.sort();
    assert_eq!(answers, [vec![false; 5], vec![true; 5]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_moves_a_secret_on() {
    let database = kit::database();
    let ready = async |in_use, former: &[u8]| with(database.address(), secret(in_use, former)).ready().await;
    assert_eq!(ready(1, &[]).await, Ok(()));
    assert!(reason(ready(2, &[3]).await).contains("JWT_SECRET is another one"));
    assert_eq!(ready(2, &[3, 1]).await, Ok(()));
    reason(ready(1, &[]).await);
    assert_eq!(ready(2, &[]).await, Ok(()));
    fingerprints::accept(&kit::server(database.address()), &[secret(1, &[])]).await.unwrap();
    reason(ready(2, &[]).await);
    assert_eq!(ready(1, &[]).await, Ok(()));
}

/// An empty database that cannot be set up at present is no verdict.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_put_right_is_tried_again() {
    let postgres = Postgres::start();
    postgres.sql("CREATE ROLE app LOGIN PASSWORD 'x'; REVOKE CREATE ON SCHEMA public FROM public");
    let app = Address { user: "app".into(), password: "x".into(), ..postgres.address().clone() };
    let store = with(&app, secret(1, &[]));
    let error = store.ready().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("permission denied"), "{error}");
    postgres
        .sql("GRANT CREATE ON SCHEMA public TO app; ALTER ROLE app SET default_transaction_read_only = on");
    let error = store.ready().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("read-only"), "{error}");
    assert_eq!(store.condition().await, Err(Ailment::ReadOnly));
    postgres.sql("ALTER ROLE app RESET default_transaction_read_only");
    assert_eq!(store.ready().await, Ok(()));
    // Anew, because the setting is taken when a session begins.
    assert_eq!(with(&app, secret(1, &[])).ready().await, Ok(()));
}

/// The process ends by a verdict; whoever asks until it has may ask another instance.
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_an_outage_to_all_but_those_who_make_contact() {
    let database = kit::database();
    with(database.address(), secret(1, &[])).ready().await.unwrap();
    let store = with(database.address(), secret(2, &[]));
    reason(store.ready().await);
    let client = make::client_id("CL-a");
    assert!(store.by_id(&client, Read::Latest).await.unwrap_err().is_transient());
    assert!(store.position(make::stream(1)).await.unwrap_err().is_transient());
    let batch = make::batch(make::stream(1), 0, vec![make::call("CL-a", 0, "2026-03-10T12:00:00Z")]);
    assert!(store.append(&batch).await.unwrap_err().is_transient());
    assert_eq!(database.sql("SELECT count(*) FROM activity"), "0");
}

/// No test has a server that is that old: this one says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old_is_refused() {
    let database = kit::database();
    database.sql(
        "CREATE SCHEMA old; CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS $$ \
         SELECT CASE name WHEN 'server_version_num' THEN '130014' WHEN 'server_version' THEN '13.14' \
         ELSE pg_catalog.current_setting(name) END $$",
    );
    let path = |path: &str| {
        database.sql(&format!("ALTER DATABASE {} SET search_path = {path}", database.address().database));
    };
    path("old, pg_catalog, public");
    let store = kit::store(&database);
    let refused = reason(store.ready().await);
    assert!(refused.ends_with("is PostgreSQL 13.14; 14 is the oldest that will do"), "{refused}");
    path("public");
    assert_eq!(store.ready().await, Ok(()));
}
