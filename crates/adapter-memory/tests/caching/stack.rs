//! A store with a cache in front of it, and a count of what reaches the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use activity_adapter_memory::{CacheOptions, ManualClock, MemoryStore, MemoryUsageCache};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::cache::{CacheVersion, Lifetime};
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Background, Read, Task, UsageCache, UsageRepo};
use activity_domain::service::{CachePolicy, CachedUsage, ForgettingSink};
use activity_domain::time::Zone;
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;

pub const HOUR: Duration = Duration::from_hours(1);

/// Counts questions, and answers them after others have had a turn.
pub struct Counting {
    store: Arc<MemoryStore>,
    calls: AtomicU64,
}

impl Counting {
    async fn turn(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl UsageRepo for Counting {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        self.turn().await;
        self.store.daily(query, read).await
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        self.turn().await;
        self.store.top(query, read).await
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        self.store.series(query, read).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        self.store.endpoints(query, read).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        self.store.activities(query, read).await
    }
}

/// Keeps tasks until a test wants them done.
#[derive(Default)]
pub struct Later(Mutex<Vec<Task>>);

impl Later {
    pub async fn run_all(&self) -> usize {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        let count = tasks.len();
        for task in tasks {
            task.await;
        }
        count
    }
}

impl Background for Later {
    fn run(&self, task: Task) {
        self.0.lock().unwrap().push(task);
    }
}

pub struct Stack {
    pub store: Arc<MemoryStore>,
    pub clock: Arc<ManualClock>,
    pub repo: Arc<Counting>,
    pub cache: Arc<dyn UsageCache>,
    pub usage: Arc<CachedUsage>,
    pub sink: Arc<ForgettingSink>,
    pub later: Arc<Later>,
}

pub fn policy(daily: Duration, top: Duration) -> CachePolicy {
    let version = CacheVersion::parse("v1").unwrap();
    CachePolicy { version, daily: Lifetime::of(daily), top: Lifetime::of(top), day_rows: 20_000 }
}

pub fn memory_cache(clock: &Arc<ManualClock>) -> Arc<dyn UsageCache> {
    Arc::new(MemoryUsageCache::new(clock.clone(), CacheOptions::default()))
}

impl Stack {
    /// At noon on the 12th of March.
    pub fn new() -> Self {
        Self::with(policy(HOUR, HOUR), memory_cache)
    }

    pub fn with(policy: CachePolicy, cache: impl FnOnce(&Arc<ManualClock>) -> Arc<dyn UsageCache>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(make::at("2026-03-12T12:34:56Z")));
        let cache = cache(&clock);
        let repo = Arc::new(Counting { store: store.clone(), calls: AtomicU64::new(0) });
        let later = Arc::new(Later::default());
        let usage = CachedUsage::new(repo.clone(), cache.clone(), clock.clone(), later.clone(), policy);
        let sink = ForgettingSink::new(store.clone(), cache.clone());
        Self { store, clock, repo, cache, usage: Arc::new(usage), sink: Arc::new(sink), later }
    }

    /// How many questions have reached the store.
    pub fn calls(&self) -> u64 {
        self.repo.calls.load(Ordering::SeqCst)
    }

    /// Stores activities, each of which has to be new.
    pub async fn append(&self, rows: Vec<Activity>) {
        let (count, stream) = (rows.len() as u64, make::stream(self.store.rows().len() as u128));
        let answer = self.sink.append(&make::batch(stream, 0, rows)).await.unwrap();
        assert!(matches!(answer, Append::Stored(appended) if appended.stored == count));
    }

    /// The rows of a question, having made sure that they are those of the store.
    pub async fn daily(&self, query: &DailyQuery) -> DailyPage {
        let page = self.usage.daily(query, Read::Eventual).await.unwrap();
        assert_eq!(page, self.store.daily(query, Read::Latest).await.unwrap());
        page
    }
}

pub fn query(from: &str, to: &str) -> DailyQuery {
    DailyQuery { days: make::days(from, to), zone: Zone::utc(), client: None, limit: 1_000, after: None }
}
