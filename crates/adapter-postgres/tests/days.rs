//! Years of days: nothing that is done looks at all of them. The server of this test has locks for a few dozen
//! tables at a time, and each day is one, with its indices; what touched all days would fail.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use activity_adapter_postgres::{Options, PostgresStore};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::audit::Sealed;
use activity_domain::port::{ActivitySink, ClientRepo, Read, Upkeep, UsageRepo};
use activity_domain::time::Timestamp;
use activity_domain::usage::{LogFilter, LogQuery};
use activity_testkit::{Postgres, Settings};

const DAYS: u32 = 400;
const START: &str = "2024-03-10T12:00:00Z";

/// Of two clients, one row a day each.
fn rows() -> Vec<Activity> {
    let row = |n: u32| {
        let call = make::call(["CL-a", "CL-b"][(n % 2) as usize], n.into(), START);
        let audit = Some(Sealed::parse(n.to_be_bytes()).unwrap());
        Activity { at: call.at.plus_seconds(86_400 * i64::from(n / 2)), audit, ..call }
    };
    (0..2 * DAYS).map(row).collect()
}

async fn all(store: &PostgresStore, client: Option<&str>, with_audit: bool) -> Vec<Activity> {
    let mut query = LogQuery {
        from: Timestamp::EPOCH,
        to: make::at(make::LATEST),
        client: client.map(make::client_id),
        filter: LogFilter::default(),
        with_audit,
        limit: 150,
        after: None,
    };
    let mut rows = Vec::new();
    loop {
        let page = store.activities(&query, Read::Latest).await.unwrap();
        rows.extend(page.rows);
        let Some(next) = page.next else { return rows };
        query.after = Some(next);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_looks_at_all_days() {
    let few = [("max_locks_per_transaction", "12"), ("max_connections", "20")];
    let configuration = few.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = Postgres::with(&Settings { configuration, ..Settings::default() });
    let options = Options { readers: 4, writers: 4, ..Options::new(kit::server(server.address())) };
    let store = PostgresStore::new(options);
    store.insert(&make::client("CL-a"), None).await.unwrap();
    let rows = rows();
    for (first, chunk) in (0..).step_by(40).zip(rows.chunks(40)) {
        store.append(&make::batch(make::stream(1), first, chunk.to_vec())).await.unwrap();
    }
    assert!(server.try_sql("SELECT count(*) FROM activity").is_err(), "all days are too many");
    let newest_first = |client: Option<&str>| {
        let mut rows = rows.clone();
        rows.retain(|row| client.is_none_or(|only| only == row.client.as_str()));
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.id)));
        rows
    };
    let now = make::at("2026-03-12T12:34:56Z");
    for _ in 0..2 {
        for client in [None, Some("CL-a")] {
            assert_eq!(all(&store, client, true).await, newest_first(client));
        }
        while store.compact(now).await.unwrap().more {}
    }
    assert_eq!(all(&store, Some("CL-b"), false).await.len(), DAYS as usize);

    assert!(store.erase(&make::client_id("CL-a"), &make::client_id("anon-1"), now).await.unwrap());
    let mut gone = 0;
    loop {
        let purged = store.purge(now).await.unwrap();
        gone += purged.rows;
        if !purged.more {
            break;
        }
    }
    assert_eq!(gone, u64::from(DAYS));
    assert_eq!(all(&store, None, false).await.len(), DAYS as usize);
    let floor = make::at("2024-03-12T12:00:00.000001Z");
    let mut dropped = 0;
    loop {
        let retained = store.retain(floor).await.unwrap();
        dropped += retained.dropped;
        if !retained.more {
            break;
        }
    }
    assert_eq!(dropped, 3);
}
