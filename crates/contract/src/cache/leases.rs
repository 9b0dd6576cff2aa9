//! Of many who miss a value one computes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_domain::port::{Filled, Lookup, Wait};
use tokio::task::JoinSet;

use super::{CacheHarness, CacheUnderTest, LIFE, day, name, utc, value};

/// Callers that all ask for one key, each in a task of its own. One that gets the lease fills it after it
/// has let the others run for a while.
fn callers(under: &Arc<CacheUnderTest>, count: usize, takes: usize) -> JoinSet<&'static str> {
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let under = under.clone();
        callers.spawn(async move {
            let found = under.get(&utc()).await;
            let seen = name(&found);
            match found {
                Lookup::Missing(lease) => {
                    for _ in 0..takes {
                        tokio::task::yield_now().await;
                    }
                    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
                }
                Lookup::Fresh(found) => assert_eq!(found, value(1)),
                Lookup::Stale(_) | Lookup::Busy => {}
            }
            seen
        });
    }
    callers
}

/// However many ask at once, one computes, and the others get what it found.
pub async fn of_many_callers_one_computes(harness: &dyn CacheHarness) {
    for takes in (0..200).map(|round| [0, 0, 0, 1, 100][round % 5]) {
        let under = Arc::new(harness.fresh().await);
        let seen = callers(&under, 50, takes).join_all().await;
        let count = |what| seen.iter().filter(|seen| **seen == what).count();
        assert_eq!((count("missing"), count("fresh")), (1, 49), "{seen:?}");
    }
}

/// A lease that is dropped, as by an error or a caller that went away, goes to one of those who wait.
pub async fn a_dropped_lease_goes_to_the_next(harness: &dyn CacheHarness) {
    let under = Arc::new(harness.fresh().await);
    let lease = under.lease(&utc()).await;
    let callers = callers(&under, 10, 100);
    let dropper = tokio::spawn(async move {
        tokio::task::yield_now().await;
        drop(lease);
    });
    let seen = callers.join_all().await;
    dropper.await.expect("dropped");
    let count = |what| seen.iter().filter(|seen| **seen == what).count();
    assert_eq!((count("missing"), count("fresh")), (1, 9), "{seen:?}");
}

/// A caller that is cancelled while it computes gives its lease back.
pub async fn a_cancelled_caller_gives_its_lease_back(harness: &dyn CacheHarness) {
    let under = Arc::new(harness.fresh().await);
    let (has_lease, waits) = tokio::sync::oneshot::channel();
    let caller = tokio::spawn({
        let under = under.clone();
        async move {
            let _lease = under.lease(&utc()).await;
            let _ = has_lease.send(());
            std::future::pending::<()>().await;
        }
    });
    waits.await.expect("a lease");
    caller.abort();
    assert!(caller.await.is_err(), "it was cancelled");
    under.put(&utc(), value(1)).await;
    under.expect_fresh(&utc(), &value(1)).await;
}

/// Nobody waits for ever, or at all if that is not wanted; and nobody waits for another key's value.
pub async fn waiting_is_bounded(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let lease = under.lease(&utc()).await;
    under.expect_missing(&day("UTC", "2026-03-11", None)).await;
    let begun = Instant::now();
    let found = under.cache.get(&utc(), Wait::No).await.expect("an answer");
    assert!(matches!(found, Lookup::Busy), "{}", name(&found));
    assert!(begun.elapsed() < under.patience, "it waited");
    let found = tokio::time::timeout(under.patience + Duration::from_secs(10), under.get(&utc())).await;
    let found = found.expect("an end of the wait");
    assert!(matches!(found, Lookup::Busy), "{}", name(&found));
    assert!(begun.elapsed() >= under.patience, "it did not wait");
    // Whoever waited in vain has taken nothing from the one who computes.
    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
    under.expect_fresh(&utc(), &value(1)).await;
}

/// A lease that is out for too long is given to another, and is void from then on.
pub async fn an_old_lease_gives_way(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let old = under.lease(&utc()).await;
    under.clock.advance(under.lease).await;
    let new = under.lease(&utc()).await;
    assert_eq!(old.fill(value(1), LIFE).await, Ok(Filled::Void));
    assert_eq!(new.fill(value(2), LIFE).await, Ok(Filled::Kept));
    under.expect_fresh(&utc(), &value(2)).await;
}

/// Dropping a lease that was given to another takes nothing from that one.
pub async fn dropping_an_old_lease_changes_nothing(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let old = under.lease(&utc()).await;
    under.clock.advance(under.lease).await;
    let new = under.lease(&utc()).await;
    drop(old);
    let found = under.cache.get(&utc(), Wait::No).await.expect("an answer");
    assert!(matches!(found, Lookup::Busy), "{}", name(&found));
    assert_eq!(new.fill(value(2), LIFE).await, Ok(Filled::Kept));
}
