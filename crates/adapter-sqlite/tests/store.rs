//! Rows that SQLite refuses: one is set aside, all alike are an outage.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::path::Path;

use activity_adapter_sqlite::SqliteStore;
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::audit::Sealed;
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Appended};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

/// Makes SQLite refuse rows of one endpoint by a broken constraint, as a bad row would.
fn refuse(file: &Path, endpoint: &str) {
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    c.batch_execute(&format!(
        "CREATE TABLE narrow (n INTEGER CHECK (n > 0));
         CREATE TRIGGER poison BEFORE INSERT ON activity WHEN NEW.endpoint = '{endpoint}'
         BEGIN INSERT INTO narrow VALUES (0); END;"
    ))
    .unwrap();
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Kept {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = diesel::sql_types::Text)]
    reason: String,
}

fn set_aside(file: &Path) -> Vec<Kept> {
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    diesel::sql_query("SELECT payload, reason FROM set_aside").load(&mut c).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_kept_and_its_neighbours_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let [good, mut bad, other] = [1, 2, 3].map(|id| make::call("CL-a", id, "2026-01-01T00:00:00Z"));
    bad.endpoint = activity_domain::activity::Endpoint::parse("/bad").unwrap();
    refuse(&file, "/bad");
    let batch = make::batch(make::stream(1), 0, vec![good, bad, other]);
    let appended = Appended { stored: 2, set_aside: 1, ..Appended::default() };
    assert_eq!(store.append(&batch).await, Ok(Append::Stored(appended)));
    let kept = set_aside(&file);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].payload, batch.records[1].payload);
    assert!(kept[0].reason.contains("CHECK"), "{}", kept[0].reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_refused_as_a_whole_is_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let calls: Vec<_> = (1..=3).map(|id| make::call("CL-a", id, "2026-01-01T00:00:00Z")).collect();
    refuse(&file, calls[0].endpoint.as_str());
    let batch = make::batch(make::stream(1), 0, calls);
    assert!(matches!(store.append(&batch).await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.position(make::stream(1)).await, Ok(0));
    assert!(set_aside(&file).is_empty());
    // Healed, the same batch goes through.
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    c.batch_execute("DROP TRIGGER poison").unwrap();
    let appended = Appended { stored: 3, ..Appended::default() };
    assert_eq!(store.append(&batch).await, Ok(Append::Stored(appended)));
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Trail {
    #[diesel(sql_type = diesel::sql_types::Text)]
    client: String,
    #[diesel(sql_type = diesel::sql_types::Binary)]
    audit: Vec<u8>,
}

fn trails(c: &mut SqliteConnection) -> Vec<(String, Vec<u8>)> {
    let sql = "SELECT n.id AS client, b.audit FROM activity_body b NATURAL JOIN activity \
               JOIN client_number n ON n.no = b.client ORDER BY n.id";
    let trails: Vec<Trail> = diesel::sql_query(sql).load(c).unwrap();
    trails.into_iter().map(|trail| (trail.client, trail.audit)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_is_kept_with_a_fresh_row_and_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let call = |client: &str, audit: Option<&[u8]>| {
        let audit = audit.map(|bytes| Sealed::parse(bytes).unwrap());
        Activity { audit, ..make::call(client, 1, "2026-01-01T00:00:00Z") }
    };
    let first = vec![call("CL-a", Some(b"first")), call("CL-b", None), call("CL-c", Some(b"other"))];
    store.append(&make::batch(make::stream(1), 0, first)).await.unwrap();
    // Known rows stay as they are, with or without a trail.
    let again = vec![call("CL-a", Some(b"second")), call("CL-b", Some(b"late")), call("CL-c", None)];
    let known = Appended { duplicate: 3, ..Appended::default() };
    assert_eq!(store.append(&make::batch(make::stream(2), 0, again)).await, Ok(Append::Stored(known)));
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    let kept =
        [("CL-a", &b"first"[..]), ("CL-c", b"other")].map(|(id, audit)| (id.to_owned(), audit.to_vec()));
    assert_eq!(trails(&mut c), kept);

    let delete = "DELETE FROM activity WHERE client = (SELECT no FROM client_number WHERE id = 'CL-a')";
    c.batch_execute(&format!("PRAGMA foreign_keys = ON; {delete}")).unwrap();
    let left: i64 = diesel::sql_query("SELECT count(*) AS count FROM activity_body")
        .get_result::<Count>(&mut c)
        .unwrap()
        .count;
    assert_eq!((trails(&mut c), left), (kept[1..].to_vec(), 1));
    // One that is left of a row that was deleted without it does not hold up the next.
    c.batch_execute("PRAGMA foreign_keys = OFF; DELETE FROM activity").unwrap();
    let fresh = make::batch(make::stream(3), 0, vec![call("CL-c", Some(b"new"))]);
    let stored = Appended { stored: 1, ..Appended::default() };
    assert_eq!(store.append(&fresh).await, Ok(Append::Stored(stored)));
    assert_eq!(trails(&mut c), [("CL-c".to_owned(), b"new".to_vec())]);
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// A web worker has a runtime of one thread. A request that it drops while the store is busy must not
/// take the worker along, and what was begun is done to its end.
#[test]
fn a_dropped_call_on_a_single_thread_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let main = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = main.block_on(SqliteStore::open(&file)).unwrap();
    let mut lock = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    lock.batch_execute("BEGIN EXCLUSIVE").unwrap();

    let worker = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batch = make::batch(make::stream(1), 0, vec![make::call("CL-a", 1, "2026-01-01T00:00:00Z")]);
    let patience = std::time::Duration::from_millis(300);
    let dropped = worker.block_on(async { tokio::time::timeout(patience, store.append(&batch)).await });
    assert!(dropped.is_err(), "the store is locked, so the call is dropped while it waits");
    lock.batch_execute("COMMIT").unwrap();

    // The dropped attempt holds the one writer until it is through, and then this one finds it done.
    let after = worker.block_on(store.append(&batch));
    assert_eq!(after, Ok(Append::Moved(1)));
}
