//! Laws of `UsageCache`, under a clock that the law moves.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | [`CacheHarness`]: what an adapter brings along |
//! | `values` | what goes in comes out, for its time and under its key |
//! | `leases` | of many who miss a value one computes it |
//! | `forgetting` | what is forgotten, and that nothing older comes back |
//! | `uses` | what is counted |

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheValue, CacheVersion, CachedDay, Lifetime, Question, Scope};
use activity_domain::port::{Filled, Lease, Lookup, UsageCache, Wait};
use activity_domain::rollup::Summary;
use activity_domain::span::Span;
use activity_domain::time::Zone;
use activity_domain::usage::DailyRow;
use async_trait::async_trait;

use crate::make;

mod forgetting;
mod leases;
mod uses;
mod values;

pub use forgetting::*;
pub use leases::*;
pub use uses::*;
pub use values::*;

/// Moves the time that a cache goes by.
#[async_trait]
pub trait CacheClock: Send + Sync {
    /// Moves it by so much. The cache knows when this returns.
    async fn advance(&self, by: Duration);
    /// Puts it back.
    async fn put_back(&self, by: Duration);
}

/// A cache to be tested, and what it lives on.
pub struct CacheUnderTest {
    /// The cache, with nothing in it; keys are tracked.
    pub cache: Arc<dyn UsageCache>,
    /// The time that it goes by.
    pub clock: Arc<dyn CacheClock>,
    /// How long it lets callers wait, in real time: not so long that a test is slow, not so short that a
    /// busy machine does not come to the end of a computation.
    pub patience: Duration,
    /// After what time it gives a lease to another.
    pub lease: Duration,
    /// Cleans up when dropped.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// Gives laws their caches.
#[async_trait]
pub trait CacheHarness: Send + Sync {
    /// A cache that shares nothing with the others, its clock included.
    async fn fresh(&self) -> CacheUnderTest;
}

/// An `async fn fresh() -> CacheUnderTest` is all that most adapters need.
#[async_trait]
impl<F, Made> CacheHarness for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = CacheUnderTest> + Send + 'static,
{
    async fn fresh(&self) -> CacheUnderTest {
        self().await
    }
}

/// An hour, and ten minutes in which it is renewed.
const LIFE: Lifetime = Lifetime { fresh: Duration::from_hours(1), stale: Duration::from_mins(10) };

fn key(question: Question) -> CacheKey {
    CacheKey { version: CacheVersion::parse("v1").expect("a version"), question }
}

fn day(zone: &str, date: &str, client: Option<&str>) -> CacheKey {
    let zone = Zone::parse(zone).expect("a zone");
    key(Question::Day { zone, date: make::date(date), client: client.map(make::client_id) })
}

fn utc() -> CacheKey {
    day("UTC", "2026-03-10", None)
}

fn top(from: &str, to: &str, limit: usize) -> CacheKey {
    let span = Span { from: make::at(from).minute(), to: make::at(to).minute() };
    key(Question::Top { span, limit })
}

/// A value that is told from others by its number.
fn value(number: u64) -> CacheValue {
    let summary = Summary { requests: number, ..Summary::default() };
    let row = DailyRow { date: make::date("2026-03-10"), client: make::client_id("CL-1"), summary };
    CacheValue::Day(Arc::new(CachedDay::of([row])))
}

fn minutes(times: &[&str]) -> Scope {
    Scope::Minutes(times.iter().map(|time| make::at(time)).collect())
}

impl CacheUnderTest {
    async fn get(&self, key: &CacheKey) -> Lookup {
        self.cache.get(key, Wait::Bounded).await.expect("an answer")
    }

    /// The lease of a value that has to be missing.
    async fn lease(&self, key: &CacheKey) -> Box<dyn Lease> {
        match self.get(key).await {
            Lookup::Missing(lease) => lease,
            other => panic!("{key} should be missing, and is {}", name(&other)),
        }
    }

    async fn put(&self, key: &CacheKey, value: CacheValue) {
        let filled = self.lease(key).await.fill(value, LIFE).await;
        assert_eq!(filled, Ok(Filled::Kept), "{key}");
    }

    async fn forget(&self, scope: &Scope) {
        self.cache.forget(scope).await.expect("forgotten");
    }

    async fn expect_fresh(&self, key: &CacheKey, value: &CacheValue) {
        match self.get(key).await {
            Lookup::Fresh(found) => assert_eq!(found, *value, "{key}"),
            other => panic!("{key} should be fresh, and is {}", name(&other)),
        }
    }

    async fn expect_missing(&self, key: &CacheKey) {
        drop(self.lease(key).await);
    }
}

fn name(lookup: &Lookup) -> &'static str {
    match lookup {
        Lookup::Fresh(_) => "fresh",
        Lookup::Stale(_) => "stale",
        Lookup::Missing(_) => "missing",
        Lookup::Busy => "busy",
    }
}
