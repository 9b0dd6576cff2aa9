//! What laws do with the ports again and again.

use std::collections::BTreeMap;
use std::sync::Arc;

use activity_domain::port::{Append, Appended, Batch, Read};
use activity_domain::span::{Minute, Span};
use activity_domain::time::Timestamp;
use activity_domain::usage::{DailyQuery, DailyRow, MAX_PAGE, TopQuery, TopRow};

use crate::{Stores, make};

/// Later than every example, so that none of them is in the future.
pub fn now() -> Timestamp {
    make::at("2026-03-12T12:34:56Z")
}

/// All of time, on quarter hours.
pub fn always() -> Span {
    Span { from: Minute(0), to: Minute(make::at(make::LATEST).minute().0 + 1).ceil_to(15) }
}

/// Appends a batch that has to be stored.
pub async fn store(stores: &Stores, batch: &Arc<Batch>) -> Appended {
    match stores.sink.append(batch).await.expect("append") {
        Append::Stored(appended) => appended,
        Append::Moved(to) => panic!("expected {} to be stored, but the cursor is at {to}", batch.expected),
    }
}

/// Compacts until nothing waits.
pub async fn compact(stores: &Stores, now: Timestamp) {
    for _ in 0..1_000 {
        if !stores.upkeep.compact(now).await.expect("compact").more {
            return;
        }
    }
    panic!("compacting does not end");
}

/// The top of a span.
pub async fn top(stores: &Stores, span: Span) -> Vec<TopRow> {
    stores.usage.top(&TopQuery { span, limit: MAX_PAGE }, Read::Latest).await.expect("top")
}

/// Requests of all of time by client. Asked before and after compaction, which must not differ.
pub async fn counts(stores: &Stores) -> BTreeMap<String, u64> {
    let ask = async || -> BTreeMap<String, u64> {
        let rows = top(stores, always()).await;
        rows.into_iter().map(|row| (row.client.to_string(), row.summary.requests)).collect()
    };
    let before = ask().await;
    compact(stores, now()).await;
    assert_eq!(ask().await, before, "compacting changed an answer");
    before
}

/// Requests of all of time and all clients.
pub async fn total(stores: &Stores) -> u64 {
    counts(stores).await.values().sum()
}

/// All rows of a daily question, page by page. Each page but the last has to be full.
pub async fn daily(stores: &Stores, mut query: DailyQuery) -> Vec<DailyRow> {
    let mut rows = Vec::new();
    loop {
        let page = stores.usage.daily(&query, Read::Latest).await.expect("daily");
        assert!(page.rows.len() <= query.limit, "a page is longer than its limit");
        rows.extend(page.rows.iter().cloned());
        assert!(rows.len() < 100_000, "the pages do not end");
        let Some(next) = page.next else { return rows };
        assert_eq!(page.rows.len(), query.limit, "a page says that there is more, and is not full");
        query.after = Some(next);
    }
}
