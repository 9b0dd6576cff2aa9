//! Caches for tests, and a store that says what changed late.

#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use activity_adapter_memory::{CacheOptions as NearOptions, MemoryUsageCache};
use activity_adapter_redis::{CacheOptions, LayeredCache, Link, Options, Reader, RedisUsageCache, Time};
use activity_contract::cache::{CacheClock, CacheHarness, CacheUnderTest};
use activity_contract::make;
use activity_domain::cache::{Changed, LateChange, Position};
use activity_domain::error::StoreError;
use activity_domain::port::{Clock, Late, LateFeed, UsageCache};
use activity_domain::service::Following;
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::kit;

/// A clock that is moved by hand. All instances go by it, and Redis.
pub struct Hands(AtomicI64);

impl Hands {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(make::at("2026-11-10T10:00:00.123457Z").as_micros())))
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("a time")
    }
}

#[async_trait]
impl CacheClock for Hands {
    async fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("a time"), Ordering::SeqCst);
    }

    async fn put_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_micros()).expect("a time"), Ordering::SeqCst);
    }
}

/// A store that instances share, of which only changes matter here.
#[derive(Default)]
pub struct Store {
    changes: Mutex<Vec<LateChange>>,
    history: AtomicU64,
}

impl Store {
    /// Something changes late in a minute.
    pub fn change(&self, at: &str) {
        let from = make::at(at).minute().floor_to(15);
        let span = Span { from, to: activity_domain::span::Minute(from.0 + 15) };
        let mut changes = self.changes.lock().unwrap();
        let no = changes.len() as u64;
        changes.push(LateChange { no, what: Changed::Minutes(span) });
    }

    /// Another server takes over.
    pub fn fail_over(&self) {
        self.history.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl LateFeed for Store {
    async fn late_since(&self, since: Option<&Position>) -> Result<Late, StoreError> {
        let changes = self.changes.lock().unwrap();
        let history: Arc<str> = self.history.load(Ordering::SeqCst).to_string().into();
        let since = since.filter(|since| since.history == history);
        let first = since.map_or(0, |since| since.settled);
        let next = changes.len() as u64;
        Ok(Late {
            position: Position { history, settled: next, open: next, words: "".into() },
            at: make::at("2026-11-10T10:00:00Z"),
            changes: changes.iter().filter(|change| change.no >= first).copied().collect(),
            from: since.is_none().then_some(0),
        })
    }
}

/// An instance's cache.
pub struct Instance {
    pub cache: Arc<dyn UsageCache>,
    pub following: Arc<Following>,
}

/// How an instance is made.
pub struct Plan {
    pub link: Link,
    pub reader: Option<Reader>,
    pub store: Arc<Store>,
    pub clock: Arc<Hands>,
    pub options: CacheOptions,
    pub is_layered: bool,
}

impl Plan {
    /// Nobody else's keys. With more patience than a law needs: a busy machine is no outage.
    pub fn new(link: &Link, reader: Option<&Reader>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("activity:test{}:", NEXT.fetch_add(1, Ordering::Relaxed));
        Self {
            link: link.clone(),
            reader: reader.cloned(),
            store: Arc::default(),
            clock: Hands::new(),
            options: CacheOptions { prefix, ..CacheOptions::default() },
            is_layered: false,
        }
    }

    /// One of several instances.
    pub async fn instance(&self) -> Instance {
        let options = NearOptions { tracks_keys: false, ..NearOptions::default() };
        let near: Arc<dyn UsageCache> = Arc::new(MemoryUsageCache::new(self.clock.clone(), options));
        let following = Following::new(self.store.clone(), near.clone(), self.clock.clone());
        let following = Arc::new(following);
        following.poll().await.expect("the store answers");
        let far = RedisUsageCache::new(
            self.link.clone(),
            self.reader.clone(),
            following.clone(),
            self.clock.clone(),
            Time::Given(self.clock.clone()),
            self.options.clone(),
        );
        let cache: Arc<dyn UsageCache> =
            if self.is_layered { Arc::new(LayeredCache::new(near, far)) } else { Arc::new(far) };
        Instance { cache, following }
    }
}

/// Caches for one law, on one link.
pub struct Harness {
    options: Options,
    at: Option<(String, u16)>,
    is_layered: bool,
    ends: OnceCell<(Link, Option<Reader>)>,
}

impl Harness {
    /// Values are read at a place of their own, or at a replica that Sentinels name.
    pub fn on(options: Options, at: Option<(String, u16)>) -> Self {
        let options = options.with_patience(kit::SOON);
        Self { options, at, is_layered: false, ends: OnceCell::new() }
    }

    /// With a cache of the process in front.
    pub fn layered(self) -> Self {
        Self { is_layered: true, ..self }
    }
}

/// Both ends of Redis.
pub async fn ends(options: &Options, at: Option<(String, u16)>) -> (Link, Option<Reader>) {
    let link = kit::up(options).await;
    let reader = Reader::open(options, at).expect("a way");
    let begun = Instant::now();
    while reader.as_ref().is_some_and(Reader::is_lost) {
        assert!(begun.elapsed() < kit::SOON, "waited for the read end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (link, reader)
}

#[async_trait]
impl CacheHarness for Harness {
    async fn fresh(&self) -> CacheUnderTest {
        let (link, reader) = self.ends.get_or_init(|| ends(&self.options, self.at.clone())).await;
        let plan = Plan { is_layered: self.is_layered, ..Plan::new(link, reader.as_ref()) };
        let Instance { cache, following } = plan.instance().await;
        let (patience, lease) = (plan.options.patience, plan.options.lease);
        CacheUnderTest { cache, clock: plan.clock, patience, lease, guard: Box::new(following) }
    }
}
