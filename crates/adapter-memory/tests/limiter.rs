//! The limiter in memory keeps the laws of its port.

#![expect(clippy::expect_used, reason = "a clock that cannot be set fails its law")]

use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryLimiter};
use activity_contract::limiter::{Limiter, LimiterClock};
use activity_contract::make;
use activity_domain::port::Clock;
use activity_domain::time::Timestamp;
use async_trait::async_trait;

/// The limiter reads the clock with every call, so moving the clock is all there is to do.
struct Hands(Arc<ManualClock>);

#[async_trait]
impl LimiterClock for Hands {
    async fn advance(&self, micros: i64) {
        let moved = self.0.now().as_micros() + micros;
        self.0.set(Timestamp::from_micros(moved).expect("a time"));
    }
}

async fn fresh() -> Limiter {
    let clock = Arc::new(ManualClock::new(make::at("2126-03-10T10:00:00.123457Z")));
    Limiter {
        limiter: Arc::new(MemoryLimiter::new(clock.clone())),
        clock: Arc::new(Hands(clock)),
        guard: Box::new(()),
    }
}

activity_contract::limiter_laws!(fresh);
