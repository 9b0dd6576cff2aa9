//! What is counted.

use std::time::Duration;

use activity_domain::cache::{CacheKey, Heat, KeyUse};
use activity_domain::port::{Filled, Wait};

use super::{CacheHarness, CacheUnderTest, LIFE, day, utc, value};

impl CacheUnderTest {
    async fn hottest(&self, by: Heat, limit: usize) -> Vec<KeyUse> {
        self.cache.hottest(by, limit).await.expect("keys")
    }

    /// Misses a key, and takes so long to compute it.
    async fn compute(&self, key: &CacheKey, took: Duration) {
        let lease = self.lease(key).await;
        self.clock.advance(took).await;
        assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
    }
}

/// Every question counts once, as a hit or as a miss, in all and by key.
pub async fn every_question_counts_once(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let stats = async || {
        let stats = under.cache.stats().await.expect("stats");
        (stats.hits, stats.stale, stats.misses, stats.entries)
    };
    assert_eq!(stats().await, (0, 0, 0, 0));
    let lease = under.lease(&utc()).await;
    under.cache.get(&utc(), Wait::No).await.expect("busy");
    assert_eq!(stats().await, (0, 0, 2, 0));
    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
    under.expect_fresh(&utc(), &value(1)).await;
    under.expect_fresh(&utc(), &value(1)).await;
    under.clock.advance(LIFE.fresh).await;
    under.get(&utc()).await;
    assert_eq!(stats().await, (3, 1, 2, 1));
    // Renewing is not asking.
    drop(under.cache.renew(&utc(), Duration::ZERO).await.expect("an answer").expect("a lease"));
    assert_eq!(stats().await, (3, 1, 2, 1));
    let [used]: [KeyUse; 1] = under.hottest(Heat::Asked, 9).await.try_into().expect("one key");
    assert_eq!((used.key, used.hits, used.misses), (utc(), 3, 2));
    let bytes = under.cache.stats().await.expect("stats");
    assert!(bytes.bytes > 0 && bytes.bytes <= bytes.max_bytes);
}

/// Keys are hot by how often they are asked for, or by what it cost that they were not there. What is
/// forgotten stays hot.
pub async fn keys_are_hot_by_use_or_by_cost(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let [often, dear, cold] = ["2026-03-08", "2026-03-09", "2026-03-10"].map(|date| day("UTC", date, None));
    under.compute(&often, Duration::from_millis(2)).await;
    under.compute(&dear, Duration::from_millis(50)).await;
    under.compute(&cold, Duration::from_millis(1)).await;
    for _ in 0..5 {
        under.expect_fresh(&often, &value(1)).await;
    }
    under.forget(&activity_domain::cache::Scope::Everything).await;
    let keys = |uses: Vec<KeyUse>| uses.into_iter().map(|used| used.key).collect::<Vec<_>>();
    assert_eq!(keys(under.hottest(Heat::Asked, 1).await), std::slice::from_ref(&often));
    assert_eq!(keys(under.hottest(Heat::Missed, 2).await), [dear.clone(), often.clone()]);
    let costs = under.hottest(Heat::Missed, 9).await;
    assert_eq!(costs.iter().map(|used| used.cost.as_millis()).collect::<Vec<_>>(), [50, 2, 1]);
    // A second miss of the cheap one, thirty times as dear.
    under.compute(&cold, Duration::from_millis(60)).await;
    assert_eq!(keys(under.hottest(Heat::Missed, 9).await), [cold, dear, often]);
}
