//! The limiter in memory keeps the laws of its port.

#![expect(clippy::expect_used, reason = "a clock that cannot be set fails its law")]

use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryLimiter};
use activity_contract::limiter::{Limiter, LimiterClock};
use activity_contract::make;
use activity_domain::client::RateLimit;
use activity_domain::limit::{Charge, Held, Quota, QuotaName, Subject, Window};
use activity_domain::port::{Clock, LocalLimiter, RateLimiter};
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

mod put_back {
    use super::fresh;

    activity_contract::put_back_laws!(fresh);
}

/// What is drained is what was taken and still counts, of every kind of subject; then there is nothing left.
#[test]
fn what_counts_can_be_drained() {
    activity_contract::run(async {
        let clock = Arc::new(ManualClock::new(make::at("2126-03-10T10:00:00Z")));
        let limiter = MemoryLimiter::new(clock.clone());
        let id = make::client_id("CL-1");
        let subjects =
            [Subject::Client(id.clone()), Subject::Reads(id), Subject::address([192, 0, 2, 1].into())];
        for (subject, cost) in subjects.iter().zip(1..) {
            limiter.take(subject, &charge(cost).into()).await.expect("a decision");
        }
        Hands(clock.clone()).advance(10_000_000).await;
        limiter.take(&subjects[0], &charge(7).into()).await.expect("a decision");
        let all = |of: &dyn Fn(usize) -> Vec<(Subject, Vec<Held>)>| {
            let mut all: Vec<_> = (0..limiter.parts()).flat_map(of).collect();
            all.sort_by_key(|(subject, _)| subject.to_string());
            let counts = all.into_iter().map(|(subject, held)| {
                assert_eq!(
                    (held.len(), held[0].name, held[0].window),
                    (1, QuotaName::DEFAULT, Window::MINUTE)
                );
                (subject, held[0].parts.iter().map(|(age, count)| (age / 1_000_000, *count)).collect())
            });
            counts.collect::<Vec<(Subject, Vec<(u64, u32)>)>>()
        };
        let [client, reads, network] = subjects;
        let expected = [(client, vec![(9, 1), (0, 7)]), (network, vec![(10, 3)]), (reads, vec![(10, 2)])];
        assert_eq!(all(&|part| limiter.held(part)), expected);
        assert_eq!(all(&|part| limiter.drain(part)), expected);
        assert_eq!(all(&|part| limiter.held(part)), []);
        assert_eq!(limiter.subjects(), 0);
    });
}

/// Of a hundred a minute.
fn charge(cost: u64) -> Charge {
    let limit = RateLimit::parse(100).expect("a limit");
    let quota = Quota { name: QuotaName::DEFAULT, limit, window: Window::MINUTE, shadow: false };
    Charge { quota, cost }
}
