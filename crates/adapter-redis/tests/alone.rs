//! What instances admit while Redis is lost, and that it knows of it afterwards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod kit;

use std::sync::Arc;

use activity_adapter_redis::{Options, RedisLimiter, SharedLimiter, Time, WithoutRedis};
use activity_contract::make;
use activity_domain::client::RateLimit;
use activity_domain::limit::{Charge, Charges, Quota, QuotaName, Subject, Taken, Verdict, Window};
use activity_domain::port::RateLimiter;
use activity_testkit::{Redis, RedisSentinel, RedisSettings};

const LIMIT: i64 = 10;

/// Of ten an hour.
fn charge(cost: u64) -> Charges {
    let limit = RateLimit::parse(LIMIT).unwrap();
    let quota = Quota { name: QuotaName::DEFAULT, limit, window: Window::HOUR, shadow: false };
    Charge { quota, cost }.into()
}

fn subject() -> Subject {
    Subject::Client(make::client_id("CL-1"))
}

/// Instances that know of one another and are trusted by all.
async fn instances(count: u32, options: &Options, mode: WithoutRedis) -> Vec<SharedLimiter> {
    let mut all = Vec::new();
    for _ in 0..count {
        let link = kit::up(options).await;
        let remote = RedisLimiter::new(link.clone(), Time::Redis);
        all.push(SharedLimiter::new(link, remote, kit::locals(&kit::Hands::new()), mode));
    }
    settled(&all).await;
    kit::eventually("all to be counted", async || all.iter().all(|one| one.instances() == count)).await;
    all
}

async fn settled(all: &[SharedLimiter]) {
    kit::eventually("Redis to be trusted", async || all.iter().all(SharedLimiter::is_exact)).await;
}

async fn lost(all: &[SharedLimiter]) {
    kit::eventually("the loss to be seen", async || !all.iter().any(SharedLimiter::is_exact)).await;
}

async fn take(one: &SharedLimiter, cost: u64) -> Result<Taken, Verdict> {
    match one.take(&subject(), &charge(cost)).await.unwrap().verdict {
        Verdict::Admitted(taken) => Ok(taken),
        refused => Err(refused),
    }
}

/// How many of many calls are admitted by each.
async fn spend(all: &[SharedLimiter]) -> Vec<usize> {
    let mut admitted = Vec::new();
    for one in all {
        let mut count = 0;
        for _ in 0..30 {
            count += usize::from(take(one, 1).await.is_ok());
        }
        admitted.push(count);
    }
    admitted
}

async fn remaining(one: &SharedLimiter) -> u32 {
    one.peek(&subject(), &(&charge(1)).into()).await.unwrap()[0].remaining
}

#[tokio::test(flavor = "multi_thread")]
async fn each_spends_its_share_and_redis_is_told_of_it() {
    let mut server = Redis::start();
    let all = instances(3, &kit::options(server.address()), WithoutRedis::Share).await;
    server.kill();
    lost(&all).await;
    assert_eq!(remaining(&all[0]).await, 3);
    assert_eq!(spend(&all).await, [3, 3, 3]);
    // It has forgotten everything, and gets it back from everybody.
    server.start_again();
    settled(&all).await;
    for one in &all {
        assert_eq!(remaining(one).await, 1);
    }
    assert_eq!(spend(&all).await, [1, 0, 0]);
}

/// Whatever each has admitted before: at most the limit, and a share for each.
#[tokio::test(flavor = "multi_thread")]
async fn the_bound_holds_and_nothing_is_forgotten_twice() {
    let mut server = Redis::start();
    let all = instances(4, &kit::options(server.address()), WithoutRedis::Share).await;
    // The share is 2. One has spent more than that already, one a part of it.
    for (one, cost) in all.iter().zip([7, 1]) {
        take(one, cost).await.unwrap();
    }
    for end in [Redis::stop, Redis::kill] {
        end(&mut server);
        lost(&all).await;
        let alone = spend(&all).await;
        server.start_again();
        settled(&all).await;
        assert!(alone.iter().sum::<usize>() <= 8, "{alone:?}");
        assert_eq!(remaining(&all[0]).await, 0, "8 and {alone:?} were taken of 10");
        assert_eq!(spend(&all).await, [0; 4]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_kept_its_data_is_told_what_is_new() {
    let server = Redis::start();
    let all = instances(2, &kit::options(server.address()), WithoutRedis::Share).await;
    for one in &all {
        take(one, 1).await.unwrap();
    }
    server.freeze();
    lost(&all).await;
    // Four of the share of five are left to each.
    take(&all[0], 3).await.unwrap();
    let given_back = take(&all[1], 4).await.unwrap();
    all[1].refund(&subject(), &charge(4), given_back).await.unwrap();
    server.thaw();
    settled(&all).await;
    assert_eq!(remaining(&all[1]).await, 5, "two, three and none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_takes_over_is_told_everything() {
    let mut group = RedisSentinel::start();
    let all = instances(2, &kit::sentinel_options(&group), WithoutRedis::Share).await;
    for one in &all {
        take(one, 3).await.unwrap();
    }
    group.kill_primary();
    lost(&all).await;
    take(&all[0], 1).await.unwrap();
    settled(&all).await;
    // It may have known six of these seven already: it counts too much rather than too little.
    assert!(remaining(&all[0]).await <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_for_a_share_is_refused_and_not_impossible() {
    let mut server = Redis::start();
    let all = instances(2, &kit::options(server.address()), WithoutRedis::Share).await;
    server.stop();
    lost(&all).await;
    let refused = take(&all[0], 6).await.unwrap_err();
    assert!(matches!(refused, Verdict::Refused { by: 0, retry_after_seconds: 1.. }), "{refused:?}");
    assert_eq!(take(&all[0], 11).await.unwrap_err(), Verdict::Impossible { by: 0 });
    take(&all[0], 5).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_admit_everything_to_the_limit_or_nothing() {
    let (mut server, mut other) = (Redis::start(), Redis::start());
    let full = instances(2, &kit::options(server.address()), WithoutRedis::Full).await;
    let closed = instances(2, &kit::options(other.address()), WithoutRedis::Closed).await;
    server.stop();
    other.stop();
    lost(&full).await;
    lost(&closed).await;
    assert_eq!(spend(&full).await, [10, 10]);
    assert_eq!(spend(&closed).await, [0, 0]);
    assert_eq!(remaining(&closed[0]).await, 0);
    let impossible = take(&closed[0], 11).await.unwrap_err();
    assert_eq!(impossible, Verdict::Impossible { by: 0 });
    closed[0].take(&subject(), &charge(0)).await.unwrap();
    server.start_again();
    other.start_again();
    settled(&full).await;
    settled(&closed).await;
    assert_eq!(spend(&full).await, [0, 0], "twice the limit was spent meanwhile");
    assert_eq!(spend(&closed).await, [10, 0]);
}

/// A Redis that takes no writes is there, but decides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_costs_nobody_an_error() {
    let server = Redis::with(&RedisSettings::default());
    let all =
        instances(1, &kit::options(server.address()).with_patience(kit::SOON), WithoutRedis::Share).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(spend(&all).await, [10]);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    kit::eventually("Redis to be told", async || remaining(&all[0]).await == 0).await;
    assert!(all[0].is_exact());
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_are_gone_are_no_longer_counted() {
    let server = Redis::start();
    let mut all = instances(3, &kit::options(server.address()), WithoutRedis::Share).await;
    all.truncate(1);
    kit::eventually("the others to be forgotten", async || all[0].instances() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_forgets_here_too() {
    let mut server = Redis::start();
    let all = instances(1, &kit::options(server.address()), WithoutRedis::Share).await;
    take(&all[0], 10).await.unwrap();
    all[0].reset(&subject()).await.unwrap();
    server.stop();
    lost(&all).await;
    take(&all[0], 10).await.unwrap();
    assert!(all[0].reset(&subject()).await.is_err(), "Redis cannot be told");
    assert!(Arc::new(&all[0]).take(&subject(), &charge(1)).await.is_ok());
}
