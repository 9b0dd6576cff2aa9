//! Laws of `ActivitySink`: what is stored, counted and moved.

use std::sync::Arc;

use activity_domain::activity::Activity;
use activity_domain::id::ActivityId;
use activity_domain::port::{Append, Appended, Batch};
use uuid::Uuid;

use crate::{Harness, Stores, ask, make};

const NOON: &str = "2026-03-10T12:00:00Z";

async fn position(stores: &Stores, stream: u128) -> u64 {
    stores.sink.position(make::stream(stream)).await.expect("position")
}

fn calls(client: &str, ids: impl IntoIterator<Item = u128>) -> Vec<Activity> {
    ids.into_iter().map(|id| make::call(client, id, NOON)).collect()
}

/// A stream that was never seen stands at its first record.
pub async fn a_new_stream_stands_at_zero(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for stream in [0, 1, u128::MAX] {
        assert_eq!(position(&stores, stream).await, 0);
    }
}

/// A batch is stored, counted, and the cursor stands behind it, also behind sequence numbers that are
/// missing, and as far out as numbers go.
pub async fn a_stored_batch_moves_its_cursor(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let stream = make::stream(1);
    let first = ask::store(&stores, &make::batch(stream, 0, calls("CL-1", 1..=3))).await;
    assert_eq!(first, Appended { stored: 3, ..Appended::default() });
    assert_eq!(position(&stores, 1).await, 3);

    let gap = Batch { next: 1_000, ..Batch::clone(&make::batch(stream, 3, calls("CL-1", [4]))) };
    ask::store(&stores, &Arc::new(gap)).await;
    assert_eq!(position(&stores, 1).await, 1_000);

    let far = Batch { next: u64::MAX, ..Batch::clone(&make::batch(stream, 1_000, calls("CL-1", [5]))) };
    ask::store(&stores, &Arc::new(far)).await;
    assert_eq!(position(&stores, 1).await, u64::MAX);
    assert_eq!(ask::total(&stores).await, 5);
}

/// Each stream has a cursor of its own, however alike their ids are.
pub async fn streams_do_not_share_a_cursor(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for stream in [0, 1, 1 << 64, u128::MAX] {
        let row = make::call("CL-1", stream, NOON);
        ask::store(&stores, &make::batch(make::stream(stream), 0, vec![row])).await;
        assert_eq!(position(&stores, stream).await, 1);
    }
    assert_eq!(position(&stores, 2).await, 0);
    assert_eq!(ask::total(&stores).await, 4);
}

/// Fresh, known, repeated and unreadable ones are told apart, and their numbers add up.
pub async fn outcomes_add_up_to_the_length(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    ask::store(&stores, &make::batch(make::stream(1), 0, calls("CL-1", [1, 2]))).await;
    let mixed = Batch {
        unreadable: vec![make::unreadable(b"\0\xff"), make::unreadable(b"")],
        ..Batch::clone(&make::batch(make::stream(2), 0, calls("CL-1", [3, 1, 4, 3, 2])))
    };
    let length = (mixed.records.len() + mixed.unreadable.len()) as u64;
    let Appended { stored, duplicate, discarded, set_aside } = ask::store(&stores, &Arc::new(mixed)).await;
    assert_eq!((stored, duplicate, discarded, set_aside), (2, 3, 0, 2));
    assert_eq!(stored + duplicate + discarded + set_aside, length);
    assert_eq!(ask::total(&stores).await, 4);
}

/// Only the whole of client, id and time makes an activity the same one.
pub async fn an_activity_is_known_by_client_id_and_time(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let rows = vec![
        make::call("CL-1", 1, NOON),
        make::call("CL-1", 2, NOON),
        make::call("CL-2", 1, NOON),
        make::call("CL-1", 1, "2026-03-10T12:00:00.000001Z"),
    ];
    let appended = ask::store(&stores, &make::batch(make::stream(1), 0, rows)).await;
    assert_eq!(appended, Appended { stored: 4, ..Appended::default() });
    let expected = [("CL-1", 3), ("CL-2", 1)].map(|(id, n)| (id.to_owned(), n));
    assert_eq!(ask::counts(&stores).await, expected.into());
}

/// Rows of clients that the store does not know are stored and seen; they go by their ids.
pub async fn clients_that_are_not_registered_are_kept(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    stores.clients.insert(&make::client("CL-1"), None).await.expect("insert");
    let rows = [calls("CL-1", [1]), calls("CL-unknown", [1, 2])].concat();
    let appended = ask::store(&stores, &make::batch(make::stream(1), 0, rows)).await;
    assert_eq!(appended, Appended { stored: 3, ..Appended::default() });
    let top = ask::top(&stores, ask::always()).await;
    let names: Vec<&str> = top.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["CL-unknown", "name of CL-1"]);
}

/// Where all records of a batch were lost to damage, the stream goes on behind them.
pub async fn a_batch_without_records_moves_the_cursor(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let lost = Batch { next: 7, ..Batch::clone(&make::batch(make::stream(1), 0, Vec::new())) };
    assert_eq!(ask::store(&stores, &Arc::new(lost)).await, Appended::default());
    assert_eq!(position(&stores, 1).await, 7);
    ask::store(&stores, &make::batch(make::stream(1), 7, calls("CL-1", [1]))).await;
    assert_eq!(ask::total(&stores).await, 1);
}

/// Unreadable records count as set aside, however many they are, and never as an outage.
pub async fn unreadable_records_are_set_aside(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let unreadable = vec![make::unreadable(b"junk"), make::unreadable(b"junk"), make::unreadable(b"")];
    let batch = Batch { unreadable, next: 3, ..Batch::clone(&make::batch(make::stream(1), 0, Vec::new())) };
    let appended = ask::store(&stores, &Arc::new(batch)).await;
    assert_eq!(appended, Appended { set_aside: 3, ..Appended::default() });
    assert_eq!(position(&stores, 1).await, 3);
    assert_eq!(ask::total(&stores).await, 0);
}

/// A batch may be longer than a statement has parameters.
pub async fn a_large_batch_is_stored_whole(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let row = |n: u32| {
        let call = make::call(&format!("CL-{}", n % 700), n.into(), NOON);
        Activity { at: call.at.plus_seconds(i64::from(n)), ..call }
    };
    let rows: Vec<Activity> = (0..6_000).map(row).collect();
    let again = rows[..100].to_vec();
    let appended = ask::store(&stores, &make::batch(make::stream(1), 0, [rows, again].concat())).await;
    assert_eq!(appended, Appended { stored: 6_000, duplicate: 100, ..Appended::default() });
    let counts = ask::counts(&stores).await;
    assert_eq!((counts.len(), counts.values().sum::<u64>()), (700, 6_000));
}

/// The first and the last value of each field are stored; no row is refused or set aside.
pub async fn extremes_are_stored(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let mut rows = Vec::new();
    for (number, time) in (1..).zip(["1970-01-01T00:00:00Z", NOON, make::LATEST]) {
        let plain = make::call("CL-1", number, time);
        let nil = Activity { id: ActivityId(Uuid::nil()), client: make::client_id("."), ..plain.clone() };
        rows.extend([
            make::answered(nil, 100, Some(0)),
            make::longest(plain.clone()),
            make::strangest(plain.clone()),
            Activity { id: ActivityId(Uuid::from_u128(99)), request_bytes: Some(u64::MAX), ..plain.clone() },
            plain,
        ]);
    }
    let length = rows.len() as u64;
    let batch = make::batch(make::stream(1), 0, rows);
    let whole = Appended { stored: length, ..Appended::default() };
    assert_eq!(ask::store(&stores, &batch).await, whole);
    assert_eq!(ask::total(&stores).await, length);
    let micros: u64 = ask::top(&stores, ask::always()).await.iter().map(|row| row.summary.micros).sum();
    assert_eq!(micros, 3 * 86_400_000_000);
    assert_eq!(stores.sink.append(&batch).await, Ok(Append::Moved(length)));
}
