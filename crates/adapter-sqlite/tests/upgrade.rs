//! The schema's versions: up and down, once by many, and what an upgrade does to what is there.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::path::Path;
use std::sync::Arc;

use activity_adapter_sqlite::{Options, SqliteStore, migrations};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::audit::Sealed;
use activity_domain::client::Client;
use activity_domain::error::{InsertError, Invalid, StoreError, Unopened};
use activity_domain::port::{ActivitySink, Append, ClientRepo, Randomness, Read, Upkeep, UsageRepo, Vault};
use activity_domain::service::{EmailVault, Emails};
use activity_domain::span::Span;
use activity_domain::time::Zone;
use activity_domain::usage::{
    Bucket, Buckets, DailyPage, DailyQuery, EndpointRow, EndpointSort, EndpointsQuery, GroupBy, Series,
    SeriesQuery, TopQuery, TopRow,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_up_and_down_and_refuse_a_newer_schema() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    assert!(migrations::status(&file).unwrap().iter().all(|version| !version.applied));
    migrations::up(&file).unwrap();
    assert!(migrations::status(&file).unwrap().iter().all(|version| version.applied));
    migrations::up(&file).unwrap();
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    c.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')").unwrap();
    let Err(StoreError::Refused(reason)) = SqliteStore::open(&file).await.map(|_| ()) else {
        panic!("a newer schema was opened");
    };
    assert!(reason.contains("99991231000000") && reason.contains("migrate down"), "{reason}");
    c.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '99991231000000'").unwrap();
    migrations::down(&file).unwrap();
    assert!(migrations::status(&file).unwrap().iter().any(|version| !version.applied));
    migrations::up(&file).unwrap();
    SqliteStore::open(&file).await.unwrap();
}

/// A schema that counts differently counts everything again, so that an upgrade loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_upgrade_raw_rows_are_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    fill(&store).await;
    let before = answers(&store).await;
    drop(store);
    while migrations::status(&file).unwrap().iter().filter(|version| version.applied).count() > 1 {
        migrations::down(&file).unwrap();
    }
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(answers(&store).await, before);
    // Nothing waits that every answer would have to read.
    assert_eq!(store.compact(make::at(NOON)).await.unwrap().deltas, 0);
}

/// Sums are made of the blocks that are there, because raw rows may be gone already.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_upgrade_sums_are_those_of_the_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    fill(&store).await;
    let before = answers(&store).await;
    drop(store);
    while migrations::status(&file).unwrap().iter().any(|v| v.applied && v.name.as_str() >= "20261125000006")
    {
        migrations::down(&file).unwrap();
    }
    SqliteConnection::establish(&file.to_string_lossy())
        .unwrap()
        .batch_execute("DELETE FROM activity;")
        .unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(answers(&store).await, before);
}

const NOON: &str = "2026-03-10T12:00:00Z";

/// Some hours of 300 clients, so that there is more than one page, with failures and latencies of all sizes.
async fn fill(store: &SqliteStore) {
    let call = |n: u32| {
        let status = if n.is_multiple_of(10) { 500 } else { 200 };
        let took = (!n.is_multiple_of(9)).then_some(u64::from(n));
        let call = make::call(&format!("CL-{}", n % 300), n.into(), NOON);
        make::answered(Activity { at: call.at.plus_seconds(i64::from(n) * 7), ..call }, status, took)
    };
    store.append(&make::batch(make::stream(1), 0, (0..12_000).map(call).collect())).await.unwrap();
    while store.compact(make::at(NOON)).await.unwrap().more {}
}

/// What is asked of blocks, of pages and of endpoints.
#[derive(Debug, PartialEq)]
struct Answers {
    daily: DailyPage,
    top: Vec<TopRow>,
    series: Vec<Series>,
    endpoints: Vec<EndpointRow>,
}

async fn answers(store: &SqliteStore) -> Answers {
    let days = make::days("2026-03-10", "2026-03-11");
    let daily = DailyQuery { days, zone: Zone::utc(), client: None, limit: 1_000, after: None };
    let range = (make::at("2026-03-10T00:00:00Z"), make::at("2026-03-12T00:00:00Z"));
    let span = Span::around_hours(range.0, range.1, range.1);
    let buckets = Buckets::around(range, Bucket::Hour, &Zone::utc(), GroupBy::Status, range.1).unwrap();
    let series = SeriesQuery { buckets, client: None, group: GroupBy::Status };
    let endpoints = EndpointsQuery { span, client: None, sort: EndpointSort::Requests, limit: 10 };
    let answers = Answers {
        daily: store.daily(&daily, Read::Latest).await.unwrap(),
        top: store.top(&TopQuery { span, limit: 1_000 }, Read::Latest).await.unwrap(),
        series: store.series(&series, Read::Latest).await.unwrap(),
        endpoints: store.endpoints(&endpoints, Read::Latest).await.unwrap(),
    };
    assert_eq!((answers.top.len(), answers.series.len()), (300, 2));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_openings_at_once_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let openings: Vec<_> = (0..10)
        .map(|_| {
            let file = file.clone();
            std::thread::spawn(move || migrations::up(&file))
        })
        .collect();
    for opening in openings {
        assert_eq!(opening.join().unwrap(), Ok(()));
    }
}

const UNKNOWN_STATUS: &str = "20261126000008";

/// Takes back what is newer than a version.
fn take_back(file: &Path, version: &str) {
    while migrations::status(file).unwrap().iter().any(|v| v.applied && v.name.as_str() > version) {
        migrations::down(file).unwrap();
    }
}

/// Turns bytes around and says which key it has; what it seals is not in clear, and that is all.
struct Around(u8);

impl Vault for Around {
    fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid> {
        let all = [context, plaintext].concat();
        Sealed::parse([&[self.0][..], &all.iter().map(|byte| !byte).collect::<Vec<_>>()].concat())
    }

    fn mark(&self) -> Vec<u8> {
        vec![self.0]
    }

    fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (key, rest) = sealed.as_bytes().split_at(1);
        if key != [self.0] {
            return Err(Unopened::NoKey(key[0].to_string()));
        }
        let all: Vec<u8> = rest.iter().map(|byte| !byte).collect();
        all.strip_prefix(context).map(<[u8]>::to_vec).ok_or(Unopened::Altered)
    }
}

/// Always the same, which is enough for one key.
struct Same;

impl Randomness for Same {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

async fn sealing(file: &Path, key: u8) -> Result<SqliteStore, StoreError> {
    let emails = Emails::Sealed(EmailVault::new(Arc::new(Around(key)), Arc::new(Same)));
    SqliteStore::open_with(file, Options { emails, ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn emails_of_an_earlier_program_are_sealed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    for name in ["ada", "bob"] {
        let email = Some(make::email(&format!("{name}@example.org")));
        store.insert(&Client { email, ..make::client(name) }, None).await.unwrap();
    }
    drop(store);
    take_back(&file, UNKNOWN_STATUS);
    let clear = || {
        let sql = "SELECT count(*) AS n FROM client WHERE email IS NOT NULL";
        let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
        diesel::sql_query(sql).get_result::<Count>(&mut c).unwrap().n
    };
    assert_eq!(clear(), 2);
    let store = sealing(&file, 1).await.unwrap();
    assert_eq!(clear(), 0);
    let email = async |id: &str| {
        let found = store.by_id(&make::client_id(id), Read::Latest).await.unwrap().unwrap();
        found.email.map(|email| email.as_str().to_owned())
    };
    assert_eq!(email("ada").await.as_deref(), Some("ada@example.org"));
    let twin = Client { email: Some(make::email("ADA@example.org")), ..make::client("eve") };
    assert_eq!(store.insert(&twin, None).await, Err(InsertError::EmailTaken));
    while store.purge(make::at(NOON)).await.unwrap().more {}
    let bytes =
        [std::fs::read(&file).unwrap(), std::fs::read(folder.path().join("activity.db-wal")).unwrap()];
    let bytes = bytes.concat();
    assert!(!bytes.windows(11).any(|part| part == b"example.org"), "no old copy is left");
    let Err(StoreError::Refused(reason)) = sealing(&file, 2).await.map(|_| ()) else {
        panic!("it is opened without its key");
    };
    assert!(reason.contains("lacks the key 1"), "{reason}");
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// The earlier program could not read a call without a status: it does not get it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_status_cannot_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    fill(&store).await;
    let row = make::answered(make::call("CL-1", 9_999, NOON), 0, None);
    let stored = store.append(&make::batch(make::stream(9), 0, vec![row])).await.unwrap();
    assert!(matches!(stored, Append::Stored(it) if it.stored == 1), "{stored:?}");
    drop(store);
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    let mut change =
        |status: &str| c.batch_execute(&format!("UPDATE activity SET status = {status} WHERE status = 0"));
    for refused in ["99", "600", "-1"] {
        assert!(change(refused).is_err(), "{refused}");
    }
    take_back(&file, UNKNOWN_STATUS);
    assert!(migrations::down(&file).is_err());
    change("200").unwrap();
    drop(c);
    migrations::down(&file).unwrap();
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    assert!(c.batch_execute("UPDATE activity SET status = 0").is_err());
    let intact = diesel::sql_query("PRAGMA integrity_check").execute(&mut c);
    assert!(intact.is_ok());
}
