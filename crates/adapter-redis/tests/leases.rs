//! Instances with leases, in real time by the clock of Redis: how much they admit, what they leave, and what they ask.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in a test, that is how it fails, and what it found"
)]

mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_redis::{LeasedLimiter, Leases, RedisLimiter, SharedLimiter, Time, WithoutRedis};
use activity_contract::make;
use activity_domain::client::RateLimit;
use activity_domain::limit::{Charge, Charges, Quota, QuotaName, Subject, Taken, Verdict, Window};
use activity_domain::port::RateLimiter;
use activity_testkit::{Redis, RedisAddress};

const CALLERS: usize = 64;
const LIMIT: i64 = 1_000;
/// A window whose slots last half a day, so that none ends while a test looks, or only once in a very long while.
const SLOW: i64 = 2_592_000;
/// Longer than a few calls take on a busy machine.
const A_WHILE: Duration = Duration::from_secs(5);

fn of(limit: i64, window: i64, cost: u64) -> Charges {
    let (limit, window) = (RateLimit::parse(limit).unwrap(), Window::parse(window).unwrap());
    Charge { quota: Quota { name: QuotaName::DEFAULT, limit, window, shadow: false }, cost }.into()
}

fn subject(id: &str) -> Subject {
    Subject::Client(make::client_id(id))
}

/// In short here, in full where there is time for it.
fn either_of(short: usize, full: usize) -> usize {
    if std::env::var("ACTIVITY_FAULTS").is_ok_and(|value| value == "full") { full } else { short }
}

async fn instances(count: u32, address: &RedisAddress, leases: Option<Leases>) -> Vec<Arc<LeasedLimiter>> {
    let mut all = Vec::new();
    for _ in 0..count {
        let link = kit::up(&kit::options(address).with_patience(kit::SOON)).await;
        let remote = RedisLimiter::new(link, Time::Redis);
        let limiter = match leases {
            Some(leases) => LeasedLimiter::new(remote, leases),
            None => remote.into(),
        };
        limiter.set_instances(count);
        all.push(Arc::new(limiter));
    }
    all
}

/// When a call began that was admitted, and when it was over; its decision lies between.
type Span = (Instant, Instant);

/// What many callers get, spread over instances.
async fn storm(
    instances: &[Arc<LeasedLimiter>],
    subject: &Subject,
    charges: &Charges,
    goes_on: impl Fn(usize) -> bool + Clone + Send + Sync + 'static,
) -> Vec<Span> {
    let callers = (0..CALLERS).map(|number| {
        let (limiter, subject) = (instances[number % instances.len()].clone(), subject.clone());
        let (charges, goes_on) = (charges.clone(), goes_on.clone());
        tokio::spawn(async move {
            let mut admitted = Vec::new();
            let mut calls = 0;
            while goes_on(calls) {
                calls += 1;
                let begun = Instant::now();
                let decision = limiter.take(&subject, &charges).await.unwrap();
                if let Verdict::Admitted(_) = decision.verdict {
                    admitted.push((begun, Instant::now()));
                }
                tokio::task::yield_now().await;
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

/// The most calls that certainly lie in one window: those that begin and end in it.
fn fullest(spans: &[Span], window: Duration) -> usize {
    let is_within = |span: &Span, from: Instant| span.0 >= from && span.1 <= from + window;
    let within = |from: Instant| spans.iter().filter(|span| is_within(span, from)).count();
    let step = (spans.len() / 500).max(1);
    let mut begins: Vec<Instant> = spans.iter().map(|(begun, _)| *begun).collect();
    begins.sort_unstable();
    begins.iter().step_by(step).map(|from| within(*from)).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_all_are_admitted_without_leases_and_nearly_all_with() {
    let server = Redis::start();
    for count in [1, 2, 4] {
        for (leases, least) in [(None, 1_000), (Some(Leases::default()), 950)] {
            let instances = instances(count, server.address(), leases).await;
            let mut found = Vec::new();
            for round in 0..either_of(3, 20) {
                let subject = subject(&format!("CL-{count}-{least}-{round}"));
                let admitted = storm(&instances, &subject, &of(LIMIT, 3_600, 1), |calls| calls < 20).await;
                let admitted = admitted.len();
                assert!((least..=1_000).contains(&admitted), "{admitted} in round {round} of {count}");
                found.push(admitted);
            }
            found.sort_unstable();
            println!("{count} instances, leases: {}, admitted: {found:?}", leases.is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_holds_more_wherever_it_is_laid() {
    let server = Redis::start();
    for count in [2, 4] {
        for leases in [None, Some(Leases::default())] {
            let instances = instances(count, server.address(), leases).await;
            let subject = subject(&format!("CL-{count}-{}", leases.is_some()));
            let end = Instant::now() + Duration::from_secs(either_of(3, 20) as u64);
            let charges = of(LIMIT, 1, 1);
            let admitted = storm(&instances, &subject, &charges, move |_| Instant::now() < end).await;
            let most = fullest(&admitted, Duration::from_secs(1));
            assert!(most <= 1_000, "{most} in a window, by {count} instances with {leases:?}");
            println!("{count} instances, leases: {}: {most} in a window of 1 s", leases.is_some());
            assert!(admitted.len() > 1_000, "only {} in all", admitted.len());
        }
    }
}

/// How many scripts a server has run.
fn scripts(server: &Redis) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap_or_default();
    let calls = line.split("calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

async fn remaining(limiter: &dyn RateLimiter, subject: &Subject, charges: &Charges) -> u32 {
    limiter.peek(subject, &charges.into()).await.unwrap()[0].remaining
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_client_asks_rarely_and_a_quiet_one_always() {
    let server = Redis::start();
    let all = instances(1, server.address(), Some(Leases::default())).await;
    let (busy, quiet) = (subject("CL-busy"), subject("CL-quiet"));
    let charges = of(1_000_000, 3_600, 1);
    let before = scripts(&server);
    for _ in 0..2_000 {
        all[0].take(&busy, &charges).await.unwrap();
    }
    let asked = scripts(&server) - before;
    assert!(asked < 1_000, "{asked} of 2,000 calls");
    // It has no lease: another instance is told the same as this one.
    for spent in 1..=10 {
        all[0].take(&quiet, &charges).await.unwrap();
        let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
        let other = RedisLimiter::new(link, Time::Redis);
        assert_eq!(remaining(&other, &quiet, &charges).await, 1_000_000 - spent);
    }
}

/// Leases that are taken from the first call on, and given back soon.
fn eager() -> Leases {
    Leases { sweep: Duration::from_millis(20), percent_in_hand: 5, least: 50, ..kit::eager() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_lease_is_given_back() {
    let server = Redis::start();
    let all = instances(2, server.address(), Some(Leases { longest: A_WHILE, ..eager() })).await;
    let (subject, charges) = (subject("CL-1"), of(LIMIT, SLOW, 1));
    for _ in 0..5 {
        all[0].take(&subject, &charges).await.unwrap();
    }
    assert_eq!(
        remaining(&*all[1], &subject, &charges).await,
        1_000 - 26,
        "25 were handed out besides the first"
    );
    kit::eventually("the rest to be back", async || {
        remaining(&*all[1], &subject, &charges).await == 1_000 - 5
    })
    .await;
}

/// Nobody waits for an answer any more; what it brought is still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_takes_no_tokens_along() {
    let server = Redis::start();
    let all = instances(1, server.address(), Some(eager())).await;
    let (subject, charges) = (subject("CL-1"), of(LIMIT, 3_600, 1));
    for _ in 0..20 {
        // It is polled once, and dropped.
        let _ = tokio::time::timeout(Duration::ZERO, all[0].take(&subject, &charges)).await;
    }
    kit::eventually("all but the calls to be back", async || {
        remaining(&*all[0], &subject, &charges).await >= 1_000 - 20
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_outlives_redis_unless_nothing_is_admitted_without() {
    for (mode, expected) in [(WithoutRedis::Share, 25), (WithoutRedis::Closed, 0)] {
        let mut server = Redis::start();
        let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
        let leases = Leases { least: 25, longest: kit::SOON, ..eager() };
        let remote = LeasedLimiter::new(RedisLimiter::new(link.clone(), Time::Redis), leases);
        let shared = SharedLimiter::new(link, remote, kit::locals(&kit::Hands::new()), mode);
        kit::until("Redis to be trusted", || shared.is_exact()).await;
        let (subject, charges) = (subject("CL-1"), of(LIMIT, SLOW, 1));
        take(&shared, &subject, &charges).await.unwrap();
        server.kill();
        kit::until("the loss to be seen", || !shared.is_exact()).await;
        let mut by_lease = 0;
        for _ in 0..30 {
            by_lease += usize::from(
                matches!(take(&shared, &subject, &charges).await, Ok(taken) if !taken.is_alone()),
            );
        }
        assert_eq!(by_lease, expected, "{mode:?}");
        server.start_again();
        kit::until("Redis to be trusted", || shared.is_exact()).await;
        // It has forgotten everything, and is told what was admitted: by the lease, and alone.
        let admitted = if mode == WithoutRedis::Closed { 1 } else { 31 };
        assert_eq!(remaining(&shared, &subject, &charges).await, 1_000 - admitted, "{mode:?}");
    }
}

async fn take(limiter: &SharedLimiter, subject: &Subject, charges: &Charges) -> Result<Taken, Verdict> {
    match limiter.take(subject, charges).await.unwrap().verdict {
        Verdict::Admitted(taken) => Ok(taken),
        refused => Err(refused),
    }
}
