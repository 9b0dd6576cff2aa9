//! Laws of `LateFeed`: whoever follows what changes late misses nothing, and is not told of the rest.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use activity_domain::cache::{Changed, Position};
use activity_domain::port::{ActivitySink, Append, Late, LateFeed};
use activity_domain::span::Minute;
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use tokio::task::JoinSet;

use crate::make;

/// Writers that write beside one another.
const WRITERS: u64 = 6;
/// Quarter hours that each of them changes.
const CHANGES: u64 = 20;

/// A store that tells what changes late. Its clock shows a time after October 2026.
pub struct LateStores {
    /// Where changes come from.
    pub sink: Arc<dyn ActivitySink>,
    /// What tells of them.
    pub feed: Arc<dyn LateFeed>,
    /// Cleans up when dropped, after the ports.
    pub guard: Box<dyn Any + Send>,
}

/// Gives laws their stores.
#[async_trait]
pub trait LateHarness: Send + Sync {
    /// A store with nothing in it, which shares nothing with the others.
    async fn fresh(&self) -> LateStores;
}

#[async_trait]
impl<F, Made> LateHarness for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = LateStores> + Send + 'static,
{
    async fn fresh(&self) -> LateStores {
        self().await
    }
}

async fn since(feed: &dyn LateFeed, position: Option<&Position>) -> Late {
    feed.late_since(position).await.expect("what came late")
}

/// The quarter hours that were told, in minutes, each as often as it was.
fn told(late: &Late) -> Vec<i64> {
    let spans = late.changes.iter().filter_map(|change| match change.what {
        Changed::Minutes(span) => Some(span),
        Changed::Names => None,
    });
    spans.flat_map(|span| (span.from.0..span.to.0).step_by(15)).collect()
}

fn quarters(times: &[&str]) -> BTreeSet<i64> {
    times.iter().map(|at| make::at(at).minute().floor_to(15).0).collect()
}

fn set(late: &Late) -> BTreeSet<i64> {
    told(late).into_iter().collect()
}

/// Stores an event for each time, with ids that go by stream and position.
async fn store(sink: &dyn ActivitySink, stream: u128, from: u64, times: &[&str]) {
    let id = |n: u128| (stream << 64) | (u128::from(from) << 32) | n;
    let rows = (0u128..).zip(times).map(|(n, at)| make::call("CL-1", id(n), at)).collect();
    let stored = sink.append(&make::batch(make::stream(stream), from, rows)).await.expect("stored");
    assert!(matches!(stored, Append::Stored(_)), "{stored:?}");
}

/// Nothing was told before, and nothing is known that would be missing.
pub async fn the_first_answer_is_from_the_beginning(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    let first = since(feed.as_ref(), None).await;
    assert_eq!((first.from, told(&first)), (Some(0), Vec::new()));
    store(sink.as_ref(), 1, 0, &["2026-03-10T10:07:00Z"]).await;
    let again = since(feed.as_ref(), None).await;
    assert_eq!((again.from, set(&again)), (Some(0), quarters(&["2026-03-10T10:07:00Z"])));
    assert_eq!(again.position.history, first.position.history);
}

/// Each change once, as the quarter hours that it is in.
pub async fn what_comes_late_is_told_once(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    let first = since(feed.as_ref(), None).await;
    let old = ["2026-03-10T10:07:00Z", "2026-03-10T10:14:59.999999Z", "2026-03-12T00:00:00Z"];
    store(sink.as_ref(), 1, 0, &old).await;
    let late = since(feed.as_ref(), Some(&first.position)).await;
    assert_eq!((late.from, set(&late)), (None, quarters(&old)));
    assert!(late.at >= first.at, "its clock goes forward");
    let next = since(feed.as_ref(), Some(&late.position)).await;
    assert_eq!((next.from, told(&next)), (None, Vec::new()));
    // Whoever asks from before is told again.
    assert_eq!(set(&since(feed.as_ref(), Some(&first.position)).await), quarters(&old));
}

/// A quarter hour that is not over is nobody's to remember.
pub async fn what_comes_in_time_is_not_told(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    let first = since(feed.as_ref(), None).await;
    let ahead = first.at.plus_seconds(1_200).to_string();
    store(sink.as_ref(), 1, 0, &[&ahead, "2026-03-10T10:07:00Z"]).await;
    let late = since(feed.as_ref(), Some(&first.position)).await;
    assert_eq!(set(&late), quarters(&["2026-03-10T10:07:00Z"]));
}

/// What is there already changes nothing.
pub async fn duplicates_are_not_told(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    store(sink.as_ref(), 1, 0, &["2026-03-10T10:07:00Z"]).await;
    let position = since(feed.as_ref(), None).await.position;
    let again = make::call("CL-1", 1 << 64, "2026-03-10T10:07:00Z");
    let appended = sink.append(&make::batch(make::stream(2), 0, vec![again])).await.expect("stored");
    assert!(matches!(appended, Append::Stored(appended) if appended.duplicate == 1), "{appended:?}");
    assert_eq!(told(&since(feed.as_ref(), Some(&position)).await), []);
}

/// Numbers of changes say on which side of a position they are.
pub async fn a_change_is_numbered_within_what_was_open(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    let mut before = since(feed.as_ref(), None).await.position;
    for number in 0..5 {
        store(sink.as_ref(), 1, number, &["2026-03-10T10:07:00Z"]).await;
        let late = since(feed.as_ref(), Some(&before)).await;
        assert!(!late.changes.is_empty());
        for change in &late.changes {
            assert!(
                change.no >= before.settled && change.no < late.position.open,
                "{late:?} after {before:?}"
            );
        }
        assert!(late.position.settled <= late.position.open && late.position.open >= before.open);
        before = late.position;
    }
}

/// Its numbers say nothing there.
pub async fn a_position_of_another_history_is_a_new_beginning(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    store(sink.as_ref(), 1, 0, &["2026-03-10T10:07:00Z"]).await;
    let position = since(feed.as_ref(), None).await.position;
    assert!(since(feed.as_ref(), Some(&position)).await.from.is_none());
    let foreign = Position { history: "another".into(), ..position.clone() };
    let late = since(feed.as_ref(), Some(&foreign)).await;
    assert_eq!((late.from, set(&late)), (Some(0), quarters(&["2026-03-10T10:07:00Z"])));
    assert_eq!(late.position.history, position.history);
}

/// Beside many who write at once, each with its own pace.
pub async fn a_follower_beside_writers_misses_nothing_and_hears_nothing_twice(harness: &dyn LateHarness) {
    let LateStores { sink, feed, guard: _guard } = harness.fresh().await;
    let mut position = since(feed.as_ref(), None).await.position;
    let (left, mut writers) = (Arc::new(AtomicU64::new(WRITERS)), JoinSet::new());
    for writer in 0..WRITERS {
        let (sink, left) = (sink.clone(), left.clone());
        writers.spawn(async move {
            for number in 0..CHANGES {
                let at = Timestamp::from(Minute(quarter(writer * CHANGES + number))).to_string();
                store(sink.as_ref(), 1 + u128::from(writer), number, &[&at]).await;
            }
            left.fetch_sub(1, Ordering::SeqCst);
        });
    }
    let mut heard = Vec::new();
    loop {
        let is_last = left.load(Ordering::SeqCst) == 0;
        let late = since(feed.as_ref(), Some(&position)).await;
        assert_eq!(late.from, None);
        heard.extend(told(&late));
        position = late.position;
        if is_last {
            break;
        }
        tokio::task::yield_now().await;
    }
    writers.join_all().await;
    heard.sort_unstable();
    assert_eq!(heard, (0..WRITERS * CHANGES).map(quarter).collect::<Vec<_>>());
}

fn quarter(number: u64) -> i64 {
    1_000_005 + i64::try_from(number).expect("a few") * 15
}
