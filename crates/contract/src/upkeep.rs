//! Laws of `Upkeep`: compaction makes answers faster and changes none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use activity_domain::activity::Activity;
use activity_domain::port::{ActivitySink, Append};
use activity_domain::span::Span;
use activity_domain::time::Zone;
use activity_domain::usage::{DailyQuery, DailyRow, MAX_PAGE, TopRow};

use crate::{Harness, Stores, ask, make};

/// One row every 37 minutes for a hundred days, of seven clients.
fn hundred_days() -> Vec<Activity> {
    let row = |id: u32| {
        let call = make::call(&format!("CL-{}", id % 7), id.into(), "2026-03-12T00:00:00Z");
        let at = call.at.plus_seconds(-37 * 60 * i64::from(id));
        make::answered(Activity { at, ..call }, 200, Some(id.into()))
    };
    (0..4_000).map(row).collect()
}

async fn answers(stores: &Stores) -> (Vec<DailyRow>, Vec<TopRow>) {
    let days = make::days("2025-11-01", "2026-03-12");
    let zone = Zone::parse("America/New_York").expect("a zone");
    let query = DailyQuery { days, zone, client: None, limit: MAX_PAGE, after: None };
    let recent = Span::around(make::at("2026-03-07T03:04:05Z"), ask::now(), ask::now());
    (ask::daily(stores, query).await, ask::top(stores, recent).await)
}

/// Compaction comes to an end, also of more deltas than one call may take, and no answer depends on
/// how far it has come.
pub async fn compacting_ends_and_changes_no_answer(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for (stream, rows) in (1..).zip(hundred_days().chunks(100)) {
        ask::store(&stores, &make::batch(make::stream(stream), 0, rows.to_vec())).await;
    }
    let before = answers(&stores).await;
    assert_eq!(before.0.iter().map(|row| row.summary.requests).sum::<u64>(), 4_000);
    for calls in 1.. {
        assert!(calls < 1_000, "compacting does not end");
        let more = stores.upkeep.compact(ask::now()).await.expect("compact").more;
        assert_eq!(answers(&stores).await, before, "after {calls} calls");
        if !more {
            break;
        }
    }
    let rest = stores.upkeep.compact(ask::now()).await.expect("compact");
    assert_eq!((rest.deltas, rest.more), (0, false));
}

/// Minute blocks may be dropped as time goes on; the quarter hours that take their place hold the same.
pub async fn forgetting_minutes_loses_no_counts(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    ask::store(&stores, &make::batch(make::stream(1), 0, hundred_days())).await;
    let (from, to) = (make::at("2026-03-08T10:07:00Z"), make::at("2026-03-10T11:08:00Z"));
    for days in [0, 3, 7, 9, 40] {
        let now = ask::now().plus_seconds(86_400 * days);
        ask::compact(&stores, now).await;
        let span = Span::around(from, to, now);
        let inside = hundred_days().iter().filter(|row| span.contains(row.at.minute())).count() as u64;
        let found: u64 = ask::top(&stores, span).await.iter().map(|row| row.summary.requests).sum();
        assert_eq!(found, inside, "{days} days later");
        assert_eq!(answers(&stores).await.0.iter().map(|row| row.summary.requests).sum::<u64>(), 4_000);
    }
}

/// Writers, a compactor and a reader at once: a batch is seen whole or not at all, nothing that was seen
/// goes away, and in the end everything is there once.
pub async fn compacting_beside_appends_and_questions_loses_nothing(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let writers: Vec<_> = (0..4).map(|s| tokio::spawn(write_ten_tens(Arc::clone(&stores.sink), s))).collect();
    let done = Arc::new(AtomicBool::new(false));
    let compactor = tokio::spawn({
        let (upkeep, done) = (Arc::clone(&stores.upkeep), Arc::clone(&done));
        async move {
            while !done.load(Ordering::Relaxed) {
                upkeep.compact(ask::now()).await.expect("compact");
                tokio::task::yield_now().await;
            }
        }
    });
    let mut seen = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        let requests = ask::top(&stores, ask::always()).await.first().map_or(0, |row| row.summary.requests);
        assert!(requests >= seen && requests % 10 == 0, "{requests} after {seen}");
        seen = requests;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.expect("a writer that does not panic");
    }
    done.store(true, Ordering::Relaxed);
    compactor.await.expect("a compactor that does not panic");
    assert_eq!(ask::total(&stores).await, 400);
}

async fn write_ten_tens(sink: Arc<dyn ActivitySink>, stream: u64) {
    for round in 0..10 {
        let first = u128::from(stream * 1_000 + round * 10);
        let rows = (first..first + 10).map(|id| make::call("CL-1", id, "2026-03-10T10:07:00Z"));
        let batch = make::batch(make::stream(stream.into()), round * 10, rows.collect());
        let answer = sink.append(&batch).await.expect("append");
        assert!(matches!(answer, Append::Stored(appended) if appended.stored == 10), "{answer:?}");
    }
}
