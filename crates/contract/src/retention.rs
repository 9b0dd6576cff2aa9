//! Laws of `Upkeep` about how long raw rows are kept.

use activity_domain::activity::Activity;
use activity_domain::port::{Appended, Read};
use activity_domain::time::Timestamp;
use activity_domain::usage::{LogFilter, LogQuery, MAX_PAGE};

use crate::{Harness, Stores, ask, make};

const FLOOR: &str = "2026-03-10T00:00:00Z";

fn calls(first: u128) -> Vec<Activity> {
    let times = ["2026-03-09T23:59:59.999999Z", FLOOR, "2026-03-11T12:00:00Z", "2026-01-01T00:00:00Z"];
    (first..).zip(times).map(|(id, time)| make::call("CL-1", id, time)).collect()
}

async fn retain(stores: &Stores, from: Timestamp) -> u64 {
    let mut dropped = 0;
    for _ in 0..1_000 {
        let done = stores.upkeep.retain(from).await.expect("retain");
        dropped += done.dropped;
        if !done.more {
            return dropped;
        }
    }
    panic!("dropping does not end");
}

async fn rows(stores: &Stores) -> usize {
    let (from, to) = (Timestamp::EPOCH, make::at(make::LATEST));
    let filter = LogFilter::default();
    let query = LogQuery { from, to, client: None, filter, with_audit: false, limit: MAX_PAGE, after: None };
    stores.usage.activities(&query, Read::Latest).await.expect("activities").rows.len()
}

/// Rows of before the instant go, the one of that instant stays, and no count changes.
pub async fn rows_go_and_counts_stay(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    ask::store(&stores, &make::batch(make::stream(1), 0, calls(1))).await;
    assert_eq!(retain(&stores, make::at(FLOOR)).await, 2);
    assert_eq!((rows(&stores).await, ask::total(&stores).await), (2, 4));
    assert_eq!(retain(&stores, make::at(FLOOR)).await, 0);
}

/// What was dropped and is sent again is not stored, and does not count twice.
pub async fn what_was_dropped_does_not_come_back(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    ask::store(&stores, &make::batch(make::stream(1), 0, calls(1))).await;
    retain(&stores, make::at(FLOOR)).await;
    let again = ask::store(&stores, &make::batch(make::stream(2), 0, calls(1))).await;
    assert_eq!(again, Appended { duplicate: 2, discarded: 2, ..Appended::default() });
    let others = ask::store(&stores, &make::batch(make::stream(2), 4, calls(11))).await;
    assert_eq!(others, Appended { stored: 2, discarded: 2, ..Appended::default() });
    assert_eq!((rows(&stores).await, ask::total(&stores).await), (4, 6));
}

/// A clock that is put back, or another setting, does not let in again what was let go.
pub async fn the_instant_never_moves_back(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    retain(&stores, make::at(FLOOR)).await;
    retain(&stores, make::at("2026-01-01T00:00:00Z")).await;
    let appended = ask::store(&stores, &make::batch(make::stream(1), 0, calls(1))).await;
    assert_eq!(appended, Appended { stored: 2, discarded: 2, ..Appended::default() });
}

/// More rows than one call drops.
pub async fn many_rows_go_in_steps(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let call = |id: u32| make::call("CL-1", id.into(), "2026-03-01T00:00:00Z");
    let rows_before: Vec<Activity> = (0..25_000).map(call).collect();
    for (batch, first) in rows_before.chunks(5_000).zip((0..).step_by(5_000)) {
        ask::store(&stores, &make::batch(make::stream(1), first, batch.to_vec())).await;
    }
    assert_eq!(retain(&stores, make::at(FLOOR)).await, 25_000);
    assert_eq!((rows(&stores).await, ask::total(&stores).await), (0, 25_000));
}
