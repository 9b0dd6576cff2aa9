//! A cache in trouble costs time and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use activity_adapter_memory::MemoryStore;
use activity_contract::make;
use activity_domain::cache::{
    CacheKey, CacheStats, CacheValue, CacheVersion, CachedDay, Heat, KeyUse, Question, Scope,
};
use activity_domain::error::{Degraded, StoreError};
use activity_domain::port::{ActivitySink, Lease, Lookup, Read, UsageCache, UsageRepo, Wait};
use activity_domain::service::CachedUsage;
use activity_domain::span::Span;
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;

use crate::stack::{HOUR, Stack, memory_cache, policy, query};

/// A cache that can be out of reach, or hold something else than what was put in.
struct Troubled {
    cache: Arc<dyn UsageCache>,
    is_away: Arc<AtomicBool>,
    junk: Option<CacheValue>,
}

impl Troubled {
    fn reach(&self) -> Result<(), Degraded> {
        if self.is_away.load(Ordering::SeqCst) { Err(Degraded("away, by a test".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl UsageCache for Troubled {
    async fn get(&self, key: &CacheKey, wait: Wait) -> Result<Lookup, Degraded> {
        self.reach()?;
        if let Some(junk) = &self.junk {
            return Ok(Lookup::Fresh(junk.clone()));
        }
        self.cache.get(key, wait).await
    }

    async fn renew(&self, key: &CacheKey, within: Duration) -> Result<Option<Box<dyn Lease>>, Degraded> {
        self.reach()?;
        self.cache.renew(key, within).await
    }

    async fn forget(&self, scope: &Scope) -> Result<(), Degraded> {
        self.reach()?;
        self.cache.forget(scope).await
    }

    async fn stats(&self) -> Result<CacheStats, Degraded> {
        self.reach()?;
        self.cache.stats().await
    }

    async fn hottest(&self, by: Heat, limit: usize) -> Result<Vec<KeyUse>, Degraded> {
        self.reach()?;
        self.cache.hottest(by, limit).await
    }
}

fn troubled(junk: Option<CacheValue>) -> (Stack, Arc<AtomicBool>) {
    let is_away = Arc::new(AtomicBool::new(false));
    let switch = is_away.clone();
    let stack = Stack::with(policy(HOUR, HOUR), move |clock| {
        Arc::new(Troubled { cache: memory_cache(clock), is_away: switch, junk })
    });
    (stack, is_away)
}

async fn top(stack: &Stack) -> usize {
    let [from, to] = ["2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"].map(|time| make::at(time).minute());
    stack.usage.top(&TopQuery { span: Span { from, to }, limit: 3 }, Read::Eventual).await.unwrap().len()
}

#[tokio::test]
async fn without_the_cache_the_store_answers() {
    let (stack, is_away) = troubled(None);
    is_away.store(true, Ordering::SeqCst);
    stack.append(vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]).await;
    for calls in [1, 3, 5] {
        assert_eq!(stack.daily(&query("2026-03-01", "2026-03-10")).await.rows.len(), 1);
        assert_eq!(stack.calls(), calls);
        assert_eq!(top(&stack).await, 1);
    }
}

#[tokio::test]
async fn what_does_not_fit_its_key_is_never_served() {
    let ranked = CacheValue::Top(Arc::new([]));
    let (stack, _) = troubled(Some(ranked));
    stack.append(vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]).await;
    assert_eq!(stack.daily(&query("2026-03-01", "2026-03-10")).await.rows.len(), 1);
    let day = CacheValue::Day(Arc::new(CachedDay::of([])));
    let (stack, _) = troubled(Some(day));
    stack.append(vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]).await;
    assert_eq!(top(&stack).await, 1);
}

/// What could not be forgotten is, with the next batch.
#[tokio::test]
async fn what_could_not_be_forgotten_stays_owed() {
    let (stack, is_away) = troubled(None);
    let days = query("2026-03-09", "2026-03-10");
    stack.daily(&days).await;
    is_away.store(true, Ordering::SeqCst);
    stack.append(vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]).await;
    is_away.store(false, Ordering::SeqCst);
    stack.append(vec![make::call("CL-1", 1, "2026-01-01T12:00:00Z")]).await;
    assert_eq!(stack.daily(&days).await.rows.len(), 1);
}

/// An error of the store is the question's, and the next question tries again.
#[tokio::test]
async fn an_error_is_not_kept() {
    let stack = Stack::new();
    stack.append(vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]).await;
    stack.store.cut_off();
    let days = query("2026-03-08", "2026-03-11");
    assert!(stack.usage.daily(&days, Read::Eventual).await.is_err());
    stack.store.heal();
    assert_eq!(stack.daily(&days).await.rows.len(), 1);
}

/// A caller that is stuck holds up the others for a bounded time.
#[tokio::test]
async fn a_stuck_caller_does_not_stop_the_others() {
    let stack = Stack::new();
    let row = make::batch(make::stream(1), 0, vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]);
    stack.sink.append(&row).await.unwrap();
    let days = query("2026-03-08", "2026-03-09");
    let key = CacheKey {
        version: CacheVersion::parse("v1").unwrap(),
        question: Question::Day { zone: days.zone.clone(), date: make::date("2026-03-09"), client: None },
    };
    let held = stack.cache.get(&key, Wait::No).await.unwrap();
    assert!(matches!(held, Lookup::Missing(_)));
    let page = tokio::time::timeout(Duration::from_secs(10), stack.daily(&days)).await.unwrap();
    assert_eq!(page.rows.len(), 1);
}

/// A store whose replica has not heard of anything yet.
struct Lagging {
    primary: Arc<MemoryStore>,
    replica: MemoryStore,
}

#[async_trait]
impl UsageRepo for Lagging {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        match read {
            Read::Latest => self.primary.daily(query, read).await,
            Read::Eventual => self.replica.daily(query, read).await,
        }
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        match read {
            Read::Latest => self.primary.top(query, read).await,
            Read::Eventual => self.replica.top(query, read).await,
        }
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        self.primary.series(query, read).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        self.primary.endpoints(query, read).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        self.primary.activities(query, read).await
    }
}

/// What lags behind would be kept although it lacks what was stored before: so nothing of it is.
#[tokio::test]
async fn a_replica_that_lags_behind_fills_nothing() {
    let stack = Stack::new();
    stack.append(vec![make::call("CL-1", 1, "2026-03-09T12:00:00Z")]).await;
    let lagging = Arc::new(Lagging { primary: stack.store.clone(), replica: MemoryStore::new() });
    let later = stack.later.clone();
    let usage =
        CachedUsage::new(lagging, stack.cache.clone(), stack.clock.clone(), later, policy(HOUR, HOUR));
    let (days, usage) = (query("2026-03-08", "2026-03-10"), Arc::new(usage));
    let rows = async || usage.daily(&days, Read::Eventual).await.unwrap().rows.len();
    let [from, to] = ["2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"].map(|time| make::at(time).minute());
    let top = TopQuery { span: Span { from, to }, limit: 3 };
    let ranked = async || usage.top(&top, Read::Eventual).await.unwrap().len();
    assert_eq!((rows().await, ranked().await), (1, 1));
    stack.clock.advance(3_601);
    assert_eq!((rows().await, ranked().await), (1, 1));
    stack.later.run_all().await;
    assert_eq!((rows().await, ranked().await), (1, 1), "computed anew");
    stack.cache.forget(&Scope::Everything).await.unwrap();
    activity_domain::service::Prewarm::new(usage.clone()).run().await.unwrap();
    assert_eq!((rows().await, ranked().await), (1, 1), "computed ahead");
}
