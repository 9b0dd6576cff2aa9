//! Redis lost in every way: callers are told at once, and it is found again when it is back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in a test, that is how it fails"
)]

mod kit;
mod resharding;

use std::time::{Duration, Instant};

use activity_adapter_redis::link::{Contact, State};
use activity_adapter_redis::{Link, Options, RedisLimiter, SharedLimiter, Time, WithoutRedis};
use activity_contract::limiter::LimiterClock;
use activity_contract::make;
use activity_domain::client::RateLimit;
use activity_domain::limit::{Charge, Quota, QuotaName, Quotas, Subject, Verdict, Window};
use activity_domain::port::RateLimiter;
use activity_testkit::{Proxy, Redis, RedisSentinel, RedisSettings};

/// Many more calls than could each wait for an answer before a test's patience ends.
const CALLS: u32 = 1_000;

fn quotas() -> Quotas {
    let (name, limit) = (QuotaName::DEFAULT, RateLimit::parse(1_000_000).unwrap());
    Quota { name, limit, window: Window::HOUR, shadow: false }.into()
}

fn limiter(link: &Link) -> RedisLimiter {
    RedisLimiter::new(link.clone(), Time::Redis)
}

async fn answers(limiter: &RedisLimiter) -> bool {
    limiter.take(&subject(), &one().into()).await.is_ok()
}

fn one() -> Charge {
    Charge { quota: quotas().as_slice()[0], cost: 1 }
}

fn subject() -> Subject {
    Subject::Client(make::client_id("CL-1"))
}

fn contact(link: &Link) -> Contact {
    match link.state() {
        State::Up(contact) => contact,
        lost @ State::Lost(_) => panic!("{lost:?}"),
    }
}

/// Calls go on while Redis is lost, and are told so without waiting.
async fn is_lost_quickly(link: &Link) {
    let limiter = limiter(link);
    kit::eventually("the loss to be seen", async || !answers(&limiter).await).await;
    let begun = Instant::now();
    for _ in 0..CALLS {
        assert!(!answers(&limiter).await);
    }
    assert!(begun.elapsed() < kit::SOON, "{CALLS} calls took {:?}", begun.elapsed());
}

/// Says how long that took.
async fn is_back(link: &Link, what: &str) {
    let begun = Instant::now();
    kit::wait_up(link).await;
    println!("{what}: back after {:?}", begun.elapsed());
    let limiter = limiter(link);
    kit::eventually("an answer", async || answers(&limiter).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_come_later_than_the_link() {
    let mut server = Redis::start();
    server.stop();
    let link = Link::open(&kit::options(server.address())).unwrap();
    is_lost_quickly(&link).await;
    server.start_again();
    is_back(&link, "started").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_or_killed_redis_is_found_again_and_known_to_have_forgotten() {
    let mut server = Redis::start();
    let link = kit::up(&kit::options(server.address())).await;
    for end in [Redis::stop, Redis::kill] {
        let before = contact(&link);
        end(&mut server);
        is_lost_quickly(&link).await;
        server.start_again();
        is_back(&link, "started again").await;
        let after = contact(&link);
        assert!(after.number > before.number);
        assert!(after.history.is_some() && after.history != before.history, "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_found_again_with_what_it_knows() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address())).await;
    let before = contact(&link);
    server.freeze();
    is_lost_quickly(&link).await;
    server.thaw();
    is_back(&link, "thawed").await;
    assert_eq!(contact(&link).history, before.history);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_redis_is_lost_for_as_long() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address())).await;
    server.client_pause(Duration::from_secs(2));
    is_lost_quickly(&link).await;
    is_back(&link, "paused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_noticed_and_its_end_too() {
    let server = Redis::start();
    let proxy = Proxy::to_port(server.port());
    let link = kit::up(&kit::options(&server.address().at(proxy.port()))).await;
    for part in [Proxy::cut, Proxy::stall] {
        part(&proxy);
        is_lost_quickly(&link).await;
        proxy.heal();
        is_back(&link, "healed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_primary_is_found_however_the_old_one_is_lost() {
    let mut group = RedisSentinel::start();
    let link = kit::up(&kit::sentinel_options(&group)).await;
    let mut before = contact(&link);
    let mut is_another = async |link: &Link, what: &str| {
        let begun = Instant::now();
        kit::eventually(
            "another primary",
            async || matches!(link.state(), State::Up(contact) if contact.history != before.history),
        )
        .await;
        println!("{what}: another primary after {:?}", begun.elapsed());
        is_back(link, what).await;
        before = contact(link);
    };
    group.failover();
    is_another(&link, "told to").await;
    let role = group.servers[0].cli(&["ROLE"]);
    assert!(role.starts_with("master"), "it was left before it knows that it was replaced: {role}");
    let old = group.primary();
    kit::eventually("the old primary to follow", async || {
        group.servers[1 - old].cli(&["INFO", "replication"]).contains("master_link_status:up")
    })
    .await;
    // Connections to it stay open, and nobody answers.
    group.servers[old].freeze();
    is_another(&link, "frozen").await;
    group.servers[old].thaw();
    kit::eventually("the frozen primary to follow", async || {
        group.servers[old].cli(&["INFO", "replication"]).contains("master_link_status:up")
    })
    .await;
    group.kill_primary();
    is_another(&link, "killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_becomes_a_replica_is_lost() {
    let (server, other) = (Redis::start(), Redis::start());
    let link = kit::up(&kit::options(server.address())).await;
    server.cli(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
    is_lost_quickly(&link).await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    is_back(&link, "primary again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_and_is_not_lost() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
    let before = contact(&link);
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = limiter(&link).take(&subject(), &one().into()).await.unwrap_err();
    assert!(refused.to_string().contains("OOM"), "{refused}");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(answers(&limiter(&link)).await);
    assert_eq!(contact(&link), before);
}

/// What it counts already it can tell, and that is enough to refuse.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_answers_where_nothing_is_to_be_counted() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
    let clock = kit::Hands::new();
    let limiter = RedisLimiter::new(link, Time::Given(clock.clone()));
    let mut charge = one();
    charge.quota.limit = RateLimit::parse(1).unwrap();
    let take = async || limiter.take(&subject(), &charge.into()).await.map(|decision| decision.verdict);
    assert!(matches!(take().await, Ok(Verdict::Admitted(_))));
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..3 {
        clock.advance(i64::from(Window::HOUR.seconds()) * 1_000_000 / 60).await;
        assert!(matches!(take().await, Ok(Verdict::Refused { .. })));
        assert_eq!(limiter.peek(&subject(), &charge.quota.into()).await.unwrap()[0].remaining, 0);
    }
    clock.advance(i64::from(Window::HOUR.seconds()) * 1_000_000).await;
    assert!(take().await.unwrap_err().to_string().contains("OOM"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_redis_forgot_are_brought_again() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address()).with_patience(kit::SOON)).await;
    for _ in 0..2 {
        assert!(answers(&limiter(&link)).await);
        server.cli(&["SCRIPT", "FLUSH"]);
    }
}

/// Whoever is asking waits for less than the longest wait, and all are told at once when one has waited long enough.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_asking_wait_once_and_not_for_long() {
    let server = Redis::start();
    let patience = Duration::from_secs(4);
    let link = kit::up(&kit::options(server.address()).with_patience(patience)).await;
    let limiter = std::sync::Arc::new(limiter(&link));
    for _ in 0..100 {
        assert!(answers(&limiter).await);
    }
    server.freeze();
    let begun = Instant::now();
    assert!(!answers(&limiter).await);
    let first = begun.elapsed();
    assert!(first < patience, "{first:?}");
    server.thaw();
    kit::wait_up(&link).await;
    server.freeze();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..8u32 {
        let limiter = limiter.clone();
        callers.spawn(async move {
            // The last one begins when the first has waited for most of its time.
            tokio::time::sleep(first * number / 10).await;
            let begun = Instant::now();
            assert!(!answers(&limiter).await);
            begun.elapsed()
        });
    }
    let mut waits = callers.join_all().await;
    waits.sort_unstable();
    println!("of at most {patience:?} they waited {waits:?}");
    // Each for itself would wait equally long.
    assert!(waits[0] < waits[7] * 3 / 4, "one of them notices, the others are told: {waits:?}");
}

/// Answers that are late all the time are no outage.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_is_not_lost() {
    let server = Redis::start();
    let proxy = Proxy::to_port(server.port());
    let options = kit::options(&server.address().at(proxy.port()));
    let link = kit::up(&options.with_patience(Duration::from_secs(2))).await;
    let limiter = limiter(&link);
    for _ in 0..100 {
        assert!(answers(&limiter).await);
    }
    let before = contact(&link);
    // Twice for each answer: more than anybody waits before that is seen.
    proxy.delay(Duration::from_millis(500));
    let mut failures = 0;
    for _ in 0..20 {
        if !answers(&limiter).await {
            failures += 1;
            kit::wait_up(&link).await;
        }
    }
    let contacts = contact(&link).number - before.number;
    println!("{failures} of 20 were not waited for, and {contacts} contacts began");
    assert!(failures <= 2, "once it is seen that the link has become slow, it is waited for");
}

/// What the manual says that a user needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_few_rights_is_enough() {
    let user = Some(("tracker".to_owned(), kit::RIGHTS.to_owned()));
    let server = Redis::with(&RedisSettings { user, ..RedisSettings::default() });
    let link = kit::up(&kit::options(&server.address().of("tracker")).with_patience(kit::SOON)).await;
    assert!(contact(&link).history.is_some());
    let remote = limiter(&link);
    let shared = SharedLimiter::new(link, remote, kit::locals(&kit::Hands::new()), WithoutRedis::Share);
    kit::until("Redis to be trusted", || shared.is_exact()).await;
    for _ in 0..2 {
        let taken = match shared.take(&subject(), &one().into()).await.unwrap().verdict {
            Verdict::Admitted(taken) if !taken.is_alone() => taken,
            other => panic!("{other:?}"),
        };
        shared.refund(&subject(), &one().into(), taken).await.unwrap();
        shared.peek(&subject(), &quotas()).await.unwrap();
        shared.reset(&subject()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_loss_until_it_is_right() {
    let server = Redis::start();
    let wrong = Options::one("127.0.0.1", server.port()).with_login(None, "guessed");
    let link = Link::open(&wrong).unwrap();
    is_lost_quickly(&link).await;
    server.cli(&["CONFIG", "SET", "requirepass", "guessed"]);
    is_back(&link, "changed").await;
}
