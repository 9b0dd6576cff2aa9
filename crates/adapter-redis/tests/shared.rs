//! Several instances, each with a link of its own, share limits exactly, in real time by the clock of Redis.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_redis::{RedisLimiter, Time};
use activity_contract::make;
use activity_domain::client::RateLimit;
use activity_domain::limit::{Charge, Charges, Quota, QuotaName, Subject, Verdict, Window};
use activity_domain::port::RateLimiter;
use activity_testkit::{Redis, RedisAddress};

const CALLERS: usize = 64;
const LIMIT: i64 = 1_000;

fn one_of(limit: i64, window: i64) -> Charges {
    let (limit, window) = (RateLimit::parse(limit).unwrap(), Window::parse(window).unwrap());
    Charge { quota: Quota { name: QuotaName::DEFAULT, limit, window, shadow: false }, cost: 1 }.into()
}

async fn instances(count: usize, address: &RedisAddress) -> Vec<Arc<RedisLimiter>> {
    let mut all = Vec::new();
    for _ in 0..count {
        let link = kit::up(&kit::options(address).with_patience(kit::SOON)).await;
        all.push(Arc::new(RedisLimiter::new(link, Time::Redis)));
    }
    all
}

/// What many callers get, spread over instances: the instants at which Redis counted what was admitted.
async fn storm(
    instances: &[Arc<RedisLimiter>],
    subject: &Subject,
    charges: &Charges,
    goes_on: impl Fn(usize) -> bool + Clone + Send + Sync + 'static,
) -> Vec<i64> {
    let callers = (0..CALLERS).map(|number| {
        let (limiter, subject) = (instances[number % instances.len()].clone(), subject.clone());
        let (charges, goes_on) = (charges.clone(), goes_on.clone());
        tokio::spawn(async move {
            let mut admitted = Vec::new();
            let mut calls = 0;
            while goes_on(calls) {
                calls += 1;
                let decision = limiter.take(&subject, &charges).await.unwrap();
                if let Verdict::Admitted(taken) = decision.verdict {
                    admitted.push(taken.at().as_micros());
                }
            }
            admitted
        })
    });
    let mut all = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        all.extend(caller.await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_limit_is_admitted_by_two_and_by_four() {
    let server = Redis::start();
    for count in [2, 4] {
        let instances = instances(count, server.address()).await;
        for round in 0..5 {
            let subject = Subject::Client(make::client_id(&format!("CL-{count}-{round}")));
            let admitted = storm(&instances, &subject, &one_of(LIMIT, 3_600), |calls| calls < 20).await;
            assert_eq!(admitted.len(), 1_000, "round {round} of {count}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_holds_more_wherever_it_is_laid() {
    let server = Redis::start();
    let instances = instances(4, server.address()).await;
    let subject = Subject::Client(make::client_id("CL-1"));
    let end = Instant::now() + Duration::from_secs(4);
    let mut admitted = storm(&instances, &subject, &one_of(LIMIT, 1), move |_| Instant::now() < end).await;
    admitted.sort_unstable();
    let mut oldest = 0;
    for (newest, at) in admitted.iter().enumerate() {
        while admitted[oldest] < at - 1_000_000 {
            oldest += 1;
        }
        assert!(newest + 1 - oldest <= 1_000, "{} in the window that ends at {at}", newest + 1 - oldest);
    }
    assert!(admitted.len() > 2_000, "only {} in four seconds", admitted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_when_nothing_counts_any_more() {
    let server = Redis::start();
    let instance = &instances(1, server.address()).await[0];
    let subject = Subject::Client(make::client_id("CL-1"));
    let life = async |window| -> i64 {
        instance.take(&subject, &one_of(LIMIT, window)).await.unwrap();
        let key = server.cli(&["KEYS", "*"]);
        assert_eq!(key, "activity:limit1:{client:CL-1}");
        server.cli(&["PTTL", &key]).parse().unwrap()
    };
    for (window, longest) in [(3_600, 3_660_000), (60, 61_000)] {
        let life = life(window).await;
        assert!((longest - 60_000..=longest).contains(&life), "{life} ms for {window} s");
        instance.reset(&subject).await.unwrap();
    }
    life(1).await;
    kit::eventually("the key to go", async || server.cli(&["DBSIZE"]) == "0").await;
}

/// As where another server takes over, whose clock is behind.
#[tokio::test(flavor = "multi_thread")]
async fn time_does_not_run_back_when_clocks_differ() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
    let (ahead, behind) = (kit::Hands::new(), kit::Hands::new());
    advance(&ahead, 61).await;
    let [ahead, of_behind] =
        [&ahead, &behind].map(|clock| RedisLimiter::new(link.clone(), Time::Given(clock.clone())));
    let subject = Subject::Client(make::client_id("CL-1"));
    let is_admitted = async |limiter: &RedisLimiter| {
        let decision = limiter.take(&subject, &one_of(2, 60)).await.unwrap();
        matches!(decision.verdict, Verdict::Admitted(_))
    };
    assert!(is_admitted(&ahead).await);
    // It is counted when the first one was, a minute later by the clock that is behind.
    assert!(is_admitted(&of_behind).await);
    for seconds in [0, 60, 3] {
        advance(&behind, seconds).await;
        assert!(!is_admitted(&of_behind).await, "after {seconds} s");
    }
    advance(&behind, 60).await;
    assert!(is_admitted(&of_behind).await);
    // Of a client that Redis has never seen, there is no other time than that of the clock.
    advance(&behind, -30).await;
    let other = Subject::Client(make::client_id("CL-2"));
    let decision = of_behind.take(&other, &one_of(1, 60)).await.unwrap();
    let Verdict::Admitted(taken) = decision.verdict else { panic!("{decision:?}") };
    assert_eq!(taken.at(), activity_domain::port::Clock::now(&*behind));
}

async fn advance(clock: &kit::Hands, seconds: i64) {
    activity_contract::limiter::LimiterClock::advance(clock, seconds * 1_000_000).await;
}

/// However often the names of limits change.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_sixteen_rings_at_most() {
    let server = Redis::start();
    let instance = &instances(1, server.address()).await[0];
    let subject = Subject::Client(make::client_id("CL-1"));
    let all_of = |round: usize| {
        let charge = |number: usize| {
            let name = QuotaName::parse(&format!("round-{round}-{number}")).unwrap();
            let mut charge = one_of(LIMIT, 3_600).as_slice()[0];
            charge.quota.name = name;
            charge
        };
        Charges::parse((0..8).map(charge).collect()).unwrap()
    };
    for round in 10..40 {
        instance.take(&subject, &all_of(round)).await.unwrap();
        let bytes: usize = server.cli(&["STRLEN", "activity:limit1:{client:CL-1}"]).parse().unwrap();
        assert!(bytes <= 16 * (61 + 24 + "round-10-0".len()), "{bytes} bytes in round {round}");
    }
}

/// What Redis says that a client takes which has used its limit of 100,000 up, in every part of the window.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_takes_less_than_400_bytes() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
    let clock = kit::Hands::new();
    let limiter = RedisLimiter::new(link, Time::Given(clock.clone()));
    // As long as ids get that are made here.
    let subject = Subject::Client(make::client_id("CL-7f3kq2m9x4ab5cde"));
    let mut charges = one_of(100_000, 3_600).as_slice()[0];
    charges.cost = 1_639;
    for _ in 0..61 {
        let decision = limiter.take(&subject, &charges.into()).await.unwrap();
        assert!(matches!(decision.verdict, Verdict::Admitted(_)), "{decision:?}");
        activity_contract::limiter::LimiterClock::advance(&*clock, 60_000_000).await;
    }
    // The first has left, and no more than that.
    let states = limiter.peek(&subject, &charges.quota.into()).await.unwrap();
    assert_eq!(states[0].remaining, 100_000 - 60 * 1_639);
    let key = server.cli(&["KEYS", "*"]);
    let bytes: u32 = server.cli(&["MEMORY", "USAGE", &key]).parse().unwrap();
    println!("{bytes} bytes");
    assert!(bytes < 400, "{bytes}");
}
