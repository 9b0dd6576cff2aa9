//! Instances that share a cache, and everything that may be wrong with Redis: what is served is never old, and never
//! somebody else's.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod cachekit;
mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_redis::{CacheOptions, Reader};
use activity_contract::make;
use activity_domain::cache::{
    CacheKey, CacheValue, CacheVersion, CachedDay, Heat, Lifetime, Question, Scope,
};
use activity_domain::port::{Filled, Lease, Lookup, Wait};
use activity_domain::rollup::Summary;
use activity_domain::time::Zone;
use activity_domain::usage::DailyRow;
use activity_testkit::{Proxy, Redis, RedisSettings};
use cachekit::{Instance, Plan, ends};

const LIFE: Lifetime = Lifetime { fresh: Duration::from_hours(1), stale: Duration::from_mins(10) };

fn day(client: Option<&str>) -> CacheKey {
    let client = client.map(make::client_id);
    let question = Question::Day { zone: Zone::utc(), date: make::date("2026-03-10"), client };
    CacheKey { version: CacheVersion::parse("v1").unwrap(), question }
}

fn value(number: u64) -> CacheValue {
    let summary = Summary { requests: number, ..Summary::default() };
    let row = DailyRow { date: make::date("2026-03-10"), client: make::client_id("CL-1"), summary };
    CacheValue::Day(Arc::new(CachedDay::of([row])))
}

impl Instance {
    async fn found(&self, key: &CacheKey) -> Option<CacheValue> {
        match self.cache.get(key, Wait::Bounded).await.unwrap() {
            Lookup::Fresh(value) | Lookup::Stale(value) => Some(value),
            Lookup::Missing(_) => None,
            Lookup::Busy => panic!("nobody computes it"),
        }
    }

    async fn lease(&self, key: &CacheKey) -> Box<dyn Lease> {
        match self.cache.get(key, Wait::Bounded).await.unwrap() {
            Lookup::Missing(lease) => lease,
            Lookup::Fresh(_) | Lookup::Stale(_) => panic!("it is there"),
            Lookup::Busy => panic!("somebody else computes it"),
        }
    }

    async fn put(&self, key: &CacheKey, number: u64) {
        assert_eq!(self.lease(key).await.fill(value(number), LIFE).await, Ok(Filled::Kept));
    }
}

/// Two instances on one Redis, with a near cache or without.
async fn two(is_layered: bool) -> (Plan, Instance, Instance) {
    let options = kit::options(kit::server().address()).with_patience(kit::SOON);
    let (link, reader) = ends(&options, None).await;
    let plan = Plan { is_layered, ..Plan::new(&link, reader.as_ref()) };
    let (one, other) = (plan.instance().await, plan.instance().await);
    (plan, one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_computes_the_others_have() {
    for is_layered in [false, true] {
        let (_plan, one, other) = two(is_layered).await;
        one.put(&day(None), 1).await;
        assert_eq!(other.found(&day(None)).await, Some(value(1)));
        assert_eq!(other.found(&day(None)).await, Some(value(1)));
        let stats = one.cache.stats().await.unwrap();
        assert_eq!((stats.misses, stats.entries), (1, 1));
        let stats = other.cache.stats().await.unwrap();
        assert_eq!((stats.hits, stats.misses), (2, 1), "of both");
    }
}

/// Nobody says anything to anybody: each learns of it from the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_from_before_a_change_is_old_once_the_store_has_told() {
    for is_layered in [false, true] {
        let (plan, one, other) = two(is_layered).await;
        one.put(&day(None), 1).await;
        assert_eq!(other.found(&day(None)).await, Some(value(1)));
        let held = one.lease(&day(Some("CL-1"))).await;
        plan.store.change("2026-03-10T23:59:00Z");
        for instance in [&other, &one] {
            instance.following.poll().await.unwrap();
            assert_eq!(instance.found(&day(None)).await, None);
        }
        assert_eq!(held.fill(value(1), LIFE).await, Ok(Filled::Void), "it was read before");
        one.put(&day(None), 2).await;
        assert_eq!(other.found(&day(None)).await, Some(value(2)));
        // Another day changes nothing here.
        plan.store.change("2026-03-11T00:00:00Z");
        other.following.poll().await.unwrap();
        assert_eq!(other.found(&day(None)).await, Some(value(2)));
    }
}

/// An instance that has not asked the store yet computes a value from before, which others know to be old.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_an_instance_that_is_behind_is_not_served_by_others() {
    let (plan, behind, other) = two(true).await;
    let lease = behind.lease(&day(None)).await;
    plan.store.change("2026-03-10T12:00:00Z");
    other.following.poll().await.unwrap();
    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
    assert_eq!(other.found(&day(None)).await, None);
    // One that starts later asks for what is known first.
    assert_eq!(plan.instance().await.found(&day(None)).await, None);
    other.put(&day(None), 2).await;
    assert_eq!(plan.instance().await.found(&day(None)).await, Some(value(2)));
}

/// What an instance did itself it forgets at once, other instances' values too, until the store has told.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_forgets_itself_is_gone_at_once() {
    let (plan, one, other) = two(true).await;
    one.put(&day(None), 1).await;
    plan.store.change("2026-03-10T12:00:00Z");
    other
        .cache
        .forget(&Scope::Minutes([make::at("2026-03-10T12:00:00Z")].into_iter().collect()))
        .await
        .unwrap();
    assert_eq!(other.found(&day(None)).await, None);
    other.following.poll().await.unwrap();
    one.following.poll().await.unwrap();
    one.put(&day(None), 2).await;
    assert_eq!(other.found(&day(None)).await, Some(value(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_one_computes() {
    let (_plan, one, other) = two(true).await;
    let lease = one.lease(&day(None)).await;
    let waiting = tokio::spawn(async move { other.found(&day(None)).await });
    tokio::task::yield_now().await;
    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
    assert_eq!(waiting.await.unwrap(), Some(value(1)));
}

/// Values of a primary that lost what it knew, or of a database that was brought back, are of another history.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_another_history_are_not_served() {
    let (plan, one, other) = two(true).await;
    one.put(&day(None), 1).await;
    plan.store.fail_over();
    other.following.poll().await.unwrap();
    assert_eq!(other.found(&day(None)).await, None);
}

/// Junk, another client's value, one of another version, what is cut short: all of it is computed anew.
#[tokio::test(flavor = "multi_thread")]
async fn poisoned_values_are_never_served() {
    let server = kit::server();
    let (plan, one, other) = two(false).await;
    let (ours, theirs) = (day(Some("CL-1")), day(Some("CL-2")));
    let place = |key: &CacheKey| format!("{}{{{key}}}", plan.options.prefix);
    one.put(&theirs, 2).await;
    for round in 0..5u64 {
        one.put(&ours, 1).await;
        assert_eq!(
            other.found(&ours).await,
            Some(value(1)),
            "it is served as long as nothing is wrong with it"
        );
        let (from, to) = (place(&theirs), place(&ours));
        match round {
            0 => server.cli(&["COPY", &from, &to, "REPLACE"]),
            1 => server.cli(&["SET", &to, "junk"]),
            2 => server.cli(&["SETRANGE", &to, "40", "xx"]),
            3 => server.cli(&["SET", &to, ""]),
            _ => server.cli(&["APPEND", &to, "x"]),
        };
        for instance in [&other, &one] {
            assert_eq!(instance.found(&ours).await, None, "round {round}");
        }
    }
    // What is no value at all is trouble, and the store is asked.
    server.cli(&["DEL", &place(&ours)]);
    server.cli(&["LPUSH", &place(&ours), "x"]);
    assert!(one.cache.get(&ours, Wait::Bounded).await.is_err());
}

/// While the read end is behind, what it still has is known to be old; while it is silent, the primary is asked, and only
/// one question waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_end_that_is_behind_or_silent_does_no_harm() {
    let (primary, replica) = (Redis::start(), kit::server());
    let proxy = Proxy::to_port(primary.port());
    replica.cli(&["CONFIG", "SET", "masterauth", &primary.address().password]);
    replica.cli(&["REPLICAOF", "127.0.0.1", &proxy.port().to_string()]);
    let caught_up = || replica.cli(&["INFO", "replication"]).contains("master_link_status:up");
    kit::eventually("the replica", async || caught_up()).await;
    let options = kit::options(primary.address());
    let link = kit::up(&options).await;
    let silent = Proxy::to_port(replica.port());
    let login = kit::options(primary.address()).with_login(None, &replica.address().password);
    let reader = Reader::open(&login, Some(("127.0.0.1".to_owned(), silent.port()))).unwrap().unwrap();
    kit::eventually("the read end", async || !reader.is_lost()).await;
    let plan = Plan::new(&link, Some(&reader));
    let (one, other) = (plan.instance().await, plan.instance().await);
    one.put(&day(None), 1).await;
    let place = format!("{}{{{}}}", plan.options.prefix, day(None));
    kit::eventually("the replica to have it", async || replica.cli(&["EXISTS", &place]).contains('1')).await;
    let reads = || replica.cli(&["INFO", "commandstats"]).contains("cmdstat_get:");
    assert_eq!(other.found(&day(None)).await, Some(value(1)));
    assert!(reads(), "values are read at the read end");
    proxy.stall();
    plan.store.change("2026-03-10T12:00:00Z");
    for instance in [&one, &other] {
        instance.following.poll().await.unwrap();
    }
    assert_eq!(other.found(&day(None)).await, None, "the replica still has it");
    one.put(&day(None), 2).await;
    assert_eq!(other.found(&day(None)).await, Some(value(2)), "the replica has the old one");
    silent.stall();
    assert_eq!(other.found(&day(None)).await, Some(value(2)));
    kit::eventually("the loss", async || reader.is_lost()).await;
    assert_eq!(other.found(&day(None)).await, Some(value(2)));
    silent.heal();
    kit::eventually("its return", async || !reader.is_lost()).await;
}

/// A question that nobody waits for any more is answered all the same, by a Redis that was silent: the right to compute
/// a value goes to nobody then, and is given back.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_comes_too_late_is_given_back() {
    let server = Redis::start();
    let link = kit::up(&kit::options(server.address())).await;
    let plan = Plan::new(&link, None);
    let (one, other) = (plan.instance().await, plan.instance().await);
    server.freeze();
    assert!(one.cache.get(&day(None), Wait::Bounded).await.is_err());
    server.thaw();
    kit::wait_up(&link).await;
    let place = format!("{}{{{}}}:lease", plan.options.prefix, day(None));
    kit::eventually("the lease to come", async || server.cli(&["INFO", "commandstats"]).contains("evalsha"))
        .await;
    kit::eventually("its return", async || server.cli(&["EXISTS", &place]) == "0").await;
    assert!(matches!(other.cache.get(&day(None), Wait::No).await, Ok(Lookup::Missing(_))));
}

/// What the manual says that a user needs at either end.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_few_rights_is_enough() {
    let user = Some(("tracker".to_owned(), kit::RIGHTS.to_owned()));
    let server = Redis::with(&RedisSettings { user, ..RedisSettings::default() });
    let options = kit::options(&server.address().of("tracker")).with_patience(kit::SOON);
    let (link, reader) = ends(&options, Some(("127.0.0.1".to_owned(), server.port()))).await;
    let mut plan = Plan::new(&link, reader.as_ref());
    plan.options =
        CacheOptions { max_entries: 2, prefix: "activity:cache1:".to_owned(), ..plan.options.clone() };
    let (one, other) = (plan.instance().await, plan.instance().await);
    for client in ["CL-1", "CL-2", "CL-3"] {
        one.put(&day(Some(client)), 1).await;
        assert_eq!(other.found(&day(Some(client))).await, Some(value(1)));
        assert!(one.cache.renew(&day(Some(client)), Duration::from_hours(2)).await.unwrap().is_some());
    }
    for instance in [&one, &other] {
        instance.cache.stats().await.unwrap();
    }
    assert!(!one.cache.hottest(Heat::Asked, 9).await.unwrap().is_empty());
    one.cache.forget(&Scope::Everything).await.unwrap();
    let refused = server.cli(&["ACL", "LOG"]);
    let refused = refused.split("object\n").skip(1).filter_map(|entry| entry.lines().next());
    // Libraries introduce themselves, and go on without it.
    let refused: Vec<&str> = refused.filter(|what| !what.starts_with("client|")).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

/// A cache in front goes on alone, and nobody waits for Redis but those who were asking.
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_cache_in_front_goes_on() {
    let mut server = Redis::start();
    let link = kit::up(&kit::options(server.address())).await;
    let plan = Plan { is_layered: true, ..Plan::new(&link, None) };
    let one = plan.instance().await;
    one.put(&day(None), 1).await;
    server.kill();
    assert_eq!(one.found(&day(None)).await, Some(value(1)));
    let begun = Instant::now();
    for number in 0..50u64 {
        one.put(&day(Some(&format!("CL-{number}"))), number).await;
        assert_eq!(one.found(&day(Some(&format!("CL-{number}")))).await, Some(value(number)));
    }
    assert!(begun.elapsed() < kit::SOON);
    plan.store.change("2026-03-10T12:00:00Z");
    one.following.poll().await.unwrap();
    assert_eq!(one.found(&day(None)).await, None, "what changes is forgotten all the same");
    assert!(one.cache.stats().await.is_ok() && one.cache.hottest(Heat::Asked, 9).await.is_ok());
    server.start_again();
    kit::wait_up(&link).await;
    one.put(&day(None), 2).await;
    kit::eventually("a shared value", async || {
        plan.instance().await.found(&day(None)).await == Some(value(2))
    })
    .await;
}

/// There is room for so many values and bytes; what is too much goes, soonest to end first.
#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_bounded() {
    let options = kit::options(kit::server().address()).with_patience(kit::SOON);
    let (link, _) = ends(&options, None).await;
    let mut plan = Plan::new(&link, None);
    plan.options = CacheOptions { max_entries: 10, ..plan.options.clone() };
    let one = plan.instance().await;
    for number in 0..30u64 {
        one.put(&day(Some(&format!("CL-{number}"))), number).await;
    }
    let stats = one.cache.stats().await.unwrap();
    assert_eq!(stats.entries, 10);
    assert!(stats.bytes > 0);
    let mut there = 0;
    for number in 0..30u64 {
        there += usize::from(one.found(&day(Some(&format!("CL-{number}")))).await.is_some());
    }
    assert_eq!(there, 10);
}
