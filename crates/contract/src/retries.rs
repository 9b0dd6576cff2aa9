//! Laws of `ActivitySink`: whatever is sent again, by whomever, counts once.

use std::sync::Arc;

use activity_domain::activity::Activity;
use activity_domain::port::{Append, Appended};

use crate::{Harness, Stores, ask, make};

const NOON: &str = "2026-03-10T12:00:00Z";

fn calls(ids: std::ops::Range<u128>) -> Vec<Activity> {
    ids.map(|id| make::answered(make::call("CL-1", id, NOON), 500, Some(1_000))).collect()
}

/// What can be told from outside: all counts of the one client.
async fn summary(stores: &Stores) -> (u64, u64, u64, u64) {
    ask::counts(stores).await;
    let rows = ask::top(stores, ask::always()).await;
    rows.first().map_or((0, 0, 0, 0), |row| {
        (row.summary.requests, row.summary.errors, row.summary.timed, row.summary.micros)
    })
}

/// A batch that is not the next one, from before or from beyond, is answered with the position, and
/// neither rows nor the cursor change.
pub async fn a_wrong_expectation_changes_nothing(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let stream = make::stream(1);
    let ahead = stores.sink.append(&make::batch(stream, 5, calls(0..3))).await;
    assert_eq!(ahead, Ok(Append::Moved(0)));
    assert_eq!(stores.sink.position(stream).await, Ok(0));
    ask::store(&stores, &make::batch(stream, 0, calls(0..3))).await;
    let before = summary(&stores).await;
    for expected in [0, 2, 4, u64::MAX - 10] {
        let wrong = stores.sink.append(&make::batch(stream, expected, calls(10..13))).await;
        assert_eq!(wrong, Ok(Append::Moved(3)), "expected {expected}");
        assert_eq!(stores.sink.position(stream).await, Ok(3));
        assert_eq!(summary(&stores).await, before);
    }
}

/// The batch whose outcome was unknown is sent again: nothing happens, and the answer says why.
pub async fn a_replayed_batch_changes_nothing(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let batch = make::batch(make::stream(1), 0, calls(0..3));
    ask::store(&stores, &batch).await;
    for _ in 0..3 {
        assert_eq!(stores.sink.append(&batch).await, Ok(Append::Moved(3)));
        assert_eq!(summary(&stores).await, (3, 3, 3, 3_000));
    }
}

/// A sender that repeats itself to another node, or an import that is run twice, counts once.
pub async fn rows_from_another_stream_are_duplicates(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    ask::store(&stores, &make::batch(make::stream(1), 0, calls(0..3))).await;
    assert_eq!(summary(&stores).await, (3, 3, 3, 3_000));
    let again = ask::store(&stores, &make::batch(make::stream(2), 0, calls(1..5))).await;
    assert_eq!(again, Appended { stored: 2, duplicate: 2, ..Appended::default() });
    assert_eq!(summary(&stores).await, (5, 5, 5, 5_000));
}

/// A sender that repeats itself within one request counts once.
pub async fn duplicates_within_a_batch_count_once(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let rows = [calls(0..3), calls(0..3), calls(2..3)].concat();
    let appended = ask::store(&stores, &make::batch(make::stream(1), 0, rows)).await;
    assert_eq!(appended, Appended { stored: 3, duplicate: 4, ..Appended::default() });
    assert_eq!(stores.sink.position(make::stream(1)).await, Ok(7));
    assert_eq!(summary(&stores).await, (3, 3, 3, 3_000));
}

/// What is stored stays as it is: the same activity with another status does not count as an error.
pub async fn the_first_of_two_versions_stays(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let version = |status, micros| make::answered(make::call("CL-1", 1, NOON), status, micros);
    ask::store(&stores, &make::batch(make::stream(1), 0, vec![version(200, Some(7))])).await;
    let second = make::batch(make::stream(1), 1, vec![version(500, Some(9)), version(404, None)]);
    assert_eq!(ask::store(&stores, &second).await, Appended { duplicate: 2, ..Appended::default() });
    assert_eq!(summary(&stores).await, (1, 0, 1, 7));
}

/// Two drainers with the same batch: one stores it, the other learns where the stream stands.
pub async fn of_concurrent_appends_of_a_batch_one_is_stored(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for round in 0..10 {
        let first = u128::from(round) * 10;
        let batch = make::batch(make::stream(1), round * 10, calls(first..first + 10));
        let append = || {
            let (sink, batch) = (Arc::clone(&stores.sink), Arc::clone(&batch));
            tokio::spawn(async move { sink.append(&batch).await.expect("append") })
        };
        let (one, other) = (append(), append());
        let mut answers = [one.await.expect("an answer"), other.await.expect("an answer")];
        answers.sort_by_key(|answer| matches!(answer, Append::Moved(_)));
        let whole = Appended { stored: 10, ..Appended::default() };
        assert_eq!(answers, [Append::Stored(whole), Append::Moved(batch.next)]);
    }
    assert_eq!(summary(&stores).await, (100, 100, 100, 100_000));
}

/// The same rows on several nodes at once: each row is fresh for one of them, a duplicate for the rest.
pub async fn concurrent_streams_with_the_same_rows_count_them_once(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let mut appends = Vec::new();
    for stream in 0..6 {
        let sink = Arc::clone(&stores.sink);
        let mut rows = calls(0..20);
        // Locks are taken in different orders, unless the store orders them.
        rows.rotate_left(stream as usize * 3);
        let batch = make::batch(make::stream(stream), 0, rows);
        appends.push(tokio::spawn(async move { sink.append(&batch).await.expect("append") }));
    }
    let mut sum = Appended::default();
    for append in appends {
        let Append::Stored(appended) = append.await.expect("an answer") else { panic!("not stored") };
        sum.stored += appended.stored;
        sum.duplicate += appended.duplicate;
    }
    assert_eq!(sum, Appended { stored: 20, duplicate: 100, ..Appended::default() });
    assert_eq!(summary(&stores).await, (20, 20, 20, 20_000));
}
