//! Pages hold what blocks come to, however they were made, and are not believed where they do not.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use activity_adapter_postgres::{PostgresStore, migrations};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::port::{ActivitySink, Read, Upkeep, UsageRepo};
use activity_domain::span::{Minute, Span};
use activity_domain::usage::{TopQuery, TopRow};
use activity_testkit::Database;

const NOON: &str = "2026-03-10T12:00:00Z";

/// One of some hours of 300 clients, so that there are several pages, with latencies from none to hours: numbers of
/// every length.
fn call(n: u32) -> Activity {
    let status = if n.is_multiple_of(10) { 500 } else { 200 };
    let took = (!n.is_multiple_of(9)).then(|| u64::from(n) << (n % 20));
    let call = make::call(&format!("CL-{}", n % 300), n.into(), NOON);
    make::answered(Activity { at: call.at.plus_seconds(i64::from(n) * 7), ..call }, status, took)
}

async fn store(store: &PostgresStore, calls: std::ops::Range<u32>) {
    let first = u64::from(calls.start);
    store.append(&make::batch(make::stream(1), first, calls.map(call).collect())).await.unwrap();
}

async fn compact(store: &PostgresStore) {
    while store.compact(make::at(NOON)).await.unwrap().more {}
}

/// The tops of spans that begin and end everywhere.
async fn tops(store: &PostgresStore) -> Vec<Vec<TopRow>> {
    let noon = make::at(NOON).minute().0;
    let mut tops = Vec::new();
    for (from, to) in
        [(-5_000, 5_000), (0, 1_440), (3, 700), (17, 1_000), (59, 61), (371, 1_400), (8, 9), (700, 719)]
    {
        let span = Span { from: Minute(noon + from), to: Minute(noon + to) };
        tops.push(store.top(&TopQuery { span, limit: 1_000 }, Read::Latest).await.unwrap());
    }
    assert!(tops.iter().all(|top| !top.is_empty()));
    tops
}

/// All pages, as they are stored.
fn pages(database: &Database) -> String {
    let pages = database
        .sql("SELECT minutes, start, page, requests, encode(sums, 'hex') FROM usage_page ORDER BY 1, 2, 3");
    assert!(pages.lines().count() > 100);
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_makes_the_pages_that_the_compactor_makes() {
    let database = kit::database();
    let node = kit::store(&database);
    for first in (0..12_000).step_by(4_000) {
        store(&node, first..first + 4_000).await;
        compact(&node).await;
    }
    let (made, before) = (pages(&database), tops(&node).await);
    drop(node);
    let server = kit::server(database.address());
    let is_there = "SELECT count(*) FROM pg_class WHERE relname = 'usage_page'";
    while database.sql(is_there) != "0" {
        // Connections are closed in the background.
        kit::answered("the schema taken back", || migrations::down(&server));
    }
    migrations::up(&server).await.unwrap();
    assert_eq!(pages(&database), made);
    assert_eq!(tops(&kit::store(&database)).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_pages_are_whole_no_blocks_of_clients_are_read() {
    let database = kit::database();
    let node = kit::store(&database);
    store(&node, 0..12_000).await;
    compact(&node).await;
    let before = tops(&node).await;
    database.sql("DELETE FROM usage_block WHERE client > 0");
    assert_eq!(tops(&node).await, before);
}

/// As after a program of an earlier version was at work, which writes blocks alone.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_lack_something_are_not_believed() {
    let database = kit::database();
    let node = kit::store(&database);
    store(&node, 0..6_000).await;
    compact(&node).await;
    database.sql("CREATE TABLE old_page AS TABLE usage_page");
    store(&node, 6_000..12_000).await;
    compact(&node).await;
    let (whole, right) = (pages(&database), tops(&node).await);
    for lost in [
        "TRUNCATE usage_page; INSERT INTO usage_page TABLE old_page",
        "DELETE FROM usage_page WHERE page = 1",
        "DELETE FROM usage_page WHERE minutes = 60",
        "TRUNCATE usage_page",
    ] {
        database.sql(&format!("CREATE TABLE whole AS TABLE usage_page; {lost}"));
        assert_eq!(tops(&node).await, right, "{lost}");
        database.sql("TRUNCATE usage_page; INSERT INTO usage_page TABLE whole; DROP TABLE whole");
    }
    assert_eq!(pages(&database), whole);
}

/// Whoever calls again in a block's time is put into its page as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_pages_lack_comes_back_with_the_next_call() {
    let database = kit::database();
    let node = kit::store(&database);
    store(&node, 0..600).await;
    compact(&node).await;
    database.sql("TRUNCATE usage_page");
    store(&node, 600..900).await;
    compact(&node).await;
    let lacking = "SELECT count(*) FROM usage_block e WHERE e.client = 0 AND e.minutes = 1440 AND e.requests <> \
                   (SELECT sum(requests) FROM usage_page p WHERE p.minutes = e.minutes AND p.start = e.start)";
    assert_eq!(database.sql(lacking), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_are_forgotten_with_their_blocks() {
    let database = kit::database();
    let node = kit::store(&database);
    store(&node, 0..600).await;
    compact(&node).await;
    let count =
        |minutes: u32| database.sql(&format!("SELECT count(*) FROM usage_page WHERE minutes = {minutes}"));
    let quarters = count(15);
    assert!(count(1) != "0" && quarters != "0");
    while node.compact(make::at(NOON).plus_seconds(10 * 86_400)).await.unwrap().more {}
    assert_eq!((count(1), count(15)), ("0".to_owned(), quarters));
}
