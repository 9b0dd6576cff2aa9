//! The schema's versions: up and down, once by many, and what an upgrade does to what is there.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use activity_adapter_sqlite::{SqliteStore, migrations};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Read, Upkeep, UsageRepo};
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
    assert!(migrations::down(&file).is_err());
    change("200").unwrap();
    drop(c);
    migrations::down(&file).unwrap();
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    assert!(c.batch_execute("UPDATE activity SET status = 0").is_err());
    let intact = diesel::sql_query("PRAGMA integrity_check").execute(&mut c);
    assert!(intact.is_ok());
}
