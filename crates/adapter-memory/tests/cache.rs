//! The cache in memory keeps the laws of its port.

#![expect(clippy::expect_used, reason = "a clock that cannot be set fails its law")]

use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{CacheOptions, ManualClock, MemoryUsageCache};
use activity_contract::cache::{CacheClock, CacheUnderTest};
use activity_contract::make;
use activity_domain::port::Clock;
use activity_domain::time::Timestamp;
use async_trait::async_trait;

/// The cache reads the clock with every call, so moving the clock is all there is to do.
struct Hands(Arc<ManualClock>);

impl Hands {
    fn turn(&self, micros: i64) {
        let moved = self.0.now().as_micros() + micros;
        self.0.set(Timestamp::from_micros(moved).expect("a time"));
    }
}

#[async_trait]
impl CacheClock for Hands {
    async fn advance(&self, by: Duration) {
        self.turn(i64::try_from(by.as_micros()).expect("a time"));
    }

    async fn put_back(&self, by: Duration) {
        self.turn(-i64::try_from(by.as_micros()).expect("a time"));
    }
}

async fn fresh() -> CacheUnderTest {
    let clock = Arc::new(ManualClock::new(make::at("2026-11-10T10:00:00.123457Z")));
    let options = CacheOptions { patience: Duration::from_secs(2), ..CacheOptions::default() };
    CacheUnderTest {
        cache: Arc::new(MemoryUsageCache::new(clock.clone(), options)),
        clock: Arc::new(Hands(clock)),
        patience: options.patience,
        lease: options.lease,
        guard: Box::new(()),
    }
}

activity_contract::cache_laws!(fresh);
