//! A page of raw rows looks at a bounded number of them, however many others' lie between a client's.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use activity_adapter_sqlite::SqliteStore;
use activity_contract::make;
use activity_domain::port::{ActivitySink, Read, Upkeep, UsageRepo};
use activity_domain::time::Timestamp;
use activity_domain::usage::{LogFilter, LogQuery};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

const START: &str = "2026-03-10T12:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_a_crowd_is_found_in_bounded_pages() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    // Others before and behind it in the order of clients, at the same instants.
    let clients = ["CL-first", "CL-rare", "CL-last"];
    let rows = clients.map(|client| make::call(client, 1, START)).to_vec();
    let more = (1..10).map(|n| {
        let call = make::call("CL-rare", 1 + n, START);
        activity_domain::activity::Activity {
            at: call.at.plus_seconds(5 * i64::try_from(n).unwrap()),
            ..call
        }
    });
    store.append(&make::batch(make::stream(1), 0, rows.into_iter().chain(more).collect())).await.unwrap();
    store.compact(make::at(START)).await.unwrap();
    crowd(&file);
    let mut query = LogQuery {
        from: Timestamp::EPOCH,
        to: make::at(make::LATEST),
        client: Some(make::client_id("CL-rare")),
        filter: LogFilter::default(),
        with_audit: false,
        limit: 100,
        after: None,
    };
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.activities(&query, Read::Latest).await.unwrap();
        pages += 1;
        ids.extend(page.rows.iter().map(|row| row.id.0.as_u128()));
        let Some(next) = page.next else { break };
        assert_eq!(next.client, make::client_id("CL-rare"), "of others it does not tell");
        query.after = Some(next);
    }
    let all: Vec<u128> = (1..=10).rev().collect();
    assert_eq!(ids, all, "each is found once, newest first");
    assert!((3..10).contains(&pages), "{pages} pages for 300,000 rows");
}

/// 300,000 rows of the two others in the same minute, 5,000 of them at each second.
fn crowd(file: &std::path::Path) {
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    c.batch_execute(
        "PRAGMA synchronous = OFF;
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 299999)
         INSERT INTO activity (at, client, id, endpoint, method, status)
         SELECT (SELECT min(at) FROM activity) + (n / 5000) * 1000000,
                (SELECT no FROM client_number WHERE id = iif(n % 2, 'CL-first', 'CL-last')),
                CAST(printf('%016d', n) AS BLOB), '/crowd', 'GET', 200
         FROM n",
    )
    .unwrap();
}
