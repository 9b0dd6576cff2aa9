//! Feeds of two instances while Redis is lost in every way: what was accepted comes, or is told to be missing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in a test, that is how it fails"
)]

mod feedkit;
mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_redis::{Link, Options, RedisFeed};
use activity_contract::make;
use activity_domain::live::{Delivery, Filter, Scope};
use activity_domain::port::{LiveFeed, Subscription};
use activity_testkit::{Redis, RedisCluster, RedisSentinel, RedisSettings};

const NOON: &str = "2026-03-10T12:00:00Z";

struct Pair {
    channel: String,
    one: Arc<RedisFeed>,
    other: Arc<RedisFeed>,
    published: u64,
}

impl Pair {
    /// Two instances that do not hear of each other yet.
    fn new(options: &Options) -> Self {
        let channel = feedkit::channel();
        let [one, other] = [(); 2].map(|()| {
            let link = Link::open(options).unwrap();
            feedkit::instance(&link, options, &channel)
        });
        Self { channel, one, other, published: 0 }
    }

    /// Two that do.
    async fn up(options: &Options) -> Self {
        let pair = Self::new(options);
        pair.hear().await;
        pair
    }

    async fn hear(&self) {
        feedkit::hears(&self.one).await;
        feedkit::hears(&self.other).await;
    }

    /// Publishes on one, for a client and for another.
    fn publish(&mut self, count: u64) {
        for client in ["a", "b"] {
            let numbers = self.published..self.published + count;
            let calls = numbers.map(|number| make::call(client, number.into(), NOON)).collect();
            self.one.publish(calls);
        }
        self.published += count;
    }

    fn reader(&self) -> Reader {
        let scope = Scope::Client(make::client_id("a"));
        let subscription = self.other.subscribe(scope, Filter::default(), None).unwrap();
        Reader { subscription, seen: 0, missed: 0, next: 0 }
    }
}

/// Reads on the other what a client did on one.
struct Reader {
    subscription: Box<dyn Subscription>,
    seen: u64,
    missed: u64,
    /// No event below this number may come any more.
    next: u128,
}

impl Reader {
    fn note(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Event(event) => {
                let number = event.activity.id.0.as_u128();
                assert_eq!(number, self.next, "in order, once, and what was missed is what did not come");
                (self.seen, self.next) = (self.seen + 1, number + 1);
            }
            Delivery::Lagged(missed) => {
                assert!(missed.is_exact);
                self.missed += missed.events;
                self.next += u128::from(missed.events);
            }
        }
    }

    /// What has come so far.
    fn look(&mut self) {
        while let Some(delivery) = self.subscription.ready() {
            self.note(delivery);
        }
    }

    /// Until it has been told of so many, seen or missed.
    async fn told(&mut self, count: u64) {
        while self.seen + self.missed < count {
            let delivery = tokio::time::timeout(kit::SOON, self.subscription.next()).await;
            let delivery = delivery.unwrap_or_else(|_| panic!("{} + {} of {count}", self.seen, self.missed));
            self.note(delivery.unwrap());
        }
        assert_eq!(self.seen + self.missed, count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_while_redis_is_stopped_comes_later_or_is_told_to_be_missing() {
    let mut redis = Redis::start();
    let mut pair = Pair::up(&kit::options(redis.address())).await;
    let mut reader = pair.reader();
    pair.publish(5);
    reader.told(5).await;

    redis.kill();
    let mut here = pair.one.subscribe(Scope::Everybody, Filter::default(), None).unwrap();
    pair.publish(20);
    assert!(matches!(here.ready(), Some(Delivery::Event(_))), "readers of this instance are told at once");
    redis.start_again();
    reader.told(25).await;
    println!("{} seen, {} missed", reader.seen, reader.missed);
    assert_eq!(reader.missed, 0, "there was room for what waited");

    redis.kill();
    // More than waits, and far more than waits for a reader.
    for _ in 0..200 {
        pair.publish(100);
    }
    redis.start_again();
    reader.told(20_025).await;
    println!("{} seen, {} missed", reader.seen, reader.missed);
    assert!(pair.one.counts().unsent > 0);
    kit::until("all of both clients to be counted", || {
        let there = pair.other.counts();
        there.received + there.lost == 2 * 20_025
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_later_or_hangs_is_heard_in_the_end() {
    let mut redis = Redis::with(&RedisSettings { durable: true, ..RedisSettings::default() });
    let options = kit::options(redis.address());
    redis.stop();
    let mut pair = Pair::new(&options);
    redis.start_again();
    pair.hear().await;
    let mut reader = pair.reader();
    redis.freeze();
    pair.publish(10);
    let begun = Instant::now();
    // Longer than anything waits before it connects anew.
    let one = pair.one.clone();
    let heard = one.heard();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(one.heard() <= heard + 1, "a frozen server tells nobody anything");
    redis.thaw();
    reader.told(10).await;
    println!("{} seen, {} missed, {:?}", reader.seen, reader.missed, begun.elapsed());
    pair.hear().await;
    pair.publish(1);
    reader.told(11).await;
}

/// Something happens to servers while one instance publishes and the other listens.
async fn through<S>(servers: &mut S, options: &Options, fail: impl FnOnce(&mut S, &str)) {
    let mut pair = Pair::up(options).await;
    let mut reader = pair.reader();
    pair.publish(1);
    reader.told(1).await;
    let (begun, heard) = (Instant::now(), pair.other.heard());
    fail(servers, &pair.channel);
    // Long enough that the old one is gone, and until it is heard on the new one.
    let mut back = None;
    while pair.other.heard() < heard + 12 {
        assert!(begun.elapsed() < kit::SOON, "nothing is heard any more");
        pair.publish(1);
        tokio::time::sleep(Duration::from_millis(10)).await;
        reader.look();
        if pair.other.heard() > heard + 2 {
            back.get_or_insert_with(|| begun.elapsed());
        }
    }
    reader.told(pair.published).await;
    println!("{} seen, {} missed, heard again after {back:?}", reader.seen, reader.missed);
    // Afterwards nothing is lost.
    pair.hear().await;
    let missed = reader.missed;
    pair.publish(10);
    reader.told(pair.published).await;
    assert_eq!(reader.missed, missed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_goes_on_after_a_primary_is_killed() {
    let mut group = RedisSentinel::start();
    let options = kit::sentinel_options(&group);
    through(&mut group, &options, |group, _| {
        let old = group.kill_primary();
        group.wait_for_another_than(old);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_goes_on_after_a_planned_failover() {
    let mut group = RedisSentinel::start();
    let options = kit::sentinel_options(&group);
    through(&mut group, &options, |group, _| group.failover()).await;
}

/// In a cluster the channel has a slot, which another server may get. Nothing tells the listeners but silence.
#[tokio::test(flavor = "multi_thread")]
async fn the_feed_follows_its_slot_to_another_server() {
    let mut cluster = RedisCluster::start();
    let options = kit::cluster_options(&cluster);
    through(&mut cluster, &options, |cluster, channel| cluster.move_slot(channel)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_goes_on_after_the_server_of_its_slot_is_killed() {
    let mut cluster = RedisCluster::start();
    let options = kit::cluster_options(&cluster);
    through(&mut cluster, &options, |cluster, channel| {
        let owner = cluster.owner(channel).port();
        let server = cluster.servers.iter_mut().find(|server| server.port() == owner).unwrap();
        server.kill();
        server.start_again();
    })
    .await;
}

/// Only the server of the slot carries it.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_one_server_carries_the_feed() {
    let cluster = RedisCluster::start();
    let mut pair = Pair::up(&kit::cluster_options(&cluster)).await;
    let mut reader = pair.reader();
    pair.publish(10);
    reader.told(10).await;
    let owner = cluster.owner(&pair.channel).port();
    for server in &cluster.servers {
        let listeners = server.cli(&["PUBSUB", "SHARDNUMSUB", &pair.channel]);
        let expected = if server.port() == owner { "2" } else { "0" };
        assert_eq!(listeners.lines().last(), Some(expected), "{listeners}");
        let all = server.cli(&["INFO", "commandstats"]);
        assert!(!all.contains("cmdstat_publish:"), "{all}");
        let links = server.cli(&["CLUSTER", "INFO"]);
        assert!(!links.contains("cluster_stats_messages_publish_sent"), "{links}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_passed_over() {
    let redis = Redis::start();
    let mut pair = Pair::up(&kit::options(redis.address())).await;
    let mut reader = pair.reader();
    for junk in ["", "\u{1}", "\u{1}junk", "{\"version\":2}", &"x".repeat(5 << 20)] {
        redis.cli(&["PUBLISH", &pair.channel, junk]);
    }
    pair.publish(3);
    reader.told(3).await;
}
