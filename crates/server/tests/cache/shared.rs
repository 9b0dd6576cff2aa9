//! Several servers that share answers by Redis, and everything that may be wrong with it.

use std::time::{Duration, Instant};

use activity_testkit::{Database, Proxy, Redis, RedisAddress};

use crate::instances::{count, event, late_day, record, shows, started, warm};
use crate::support::{Account, Node, until};
use crate::{PATIENCE, stat};

/// Two servers, and a client of theirs.
struct Pair {
    nodes: [Node; 2],
    ada: Account,
    day: String,
    /// What was stored.
    stored: u64,
}

impl Pair {
    async fn started(database: &Database, settings: &[(&'static str, &str)]) -> Self {
        let nodes =
            [started(database.address(), settings).await, started(database.address(), settings).await];
        let ada = nodes[0].register("ada", "client").await;
        Self { nodes, ada, day: late_day(), stored: 0 }
    }

    /// Warms both, and has one store something late.
    async fn late(&mut self) {
        for node in &self.nodes {
            warm(node, &self.day, self.stored).await;
        }
        self.stored += 1;
        let which = usize::from(self.stored.is_multiple_of(2));
        let at = record(&self.nodes[which], &self.ada, &self.day).await;
        assert_eq!(count(&self.nodes[which], &self.day).await, self.stored, "who stored it knows at once");
        shows(&self.nodes[1 - which], &self.day, self.stored, at).await;
    }

    /// Until Redis has a part in it.
    async fn is_shared(&mut self, redis: &Redis) {
        let place = format!("activity:cache1:{{v1:daily:UTC:{}:*}}", self.day);
        until("a shared answer", PATIENCE, async || {
            count(&self.nodes[0], &self.day).await;
            if redis.cli(&["EXISTS", &place]) == "1" {
                return Some(());
            }
            // What was computed without Redis stays where it was, until it changes.
            self.late().await;
            None
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_computes_the_others_have() {
    let (database, redis) = (Database::empty(), Redis::start());
    let url = redis.url();
    let settings = [("REDIS_URL", url.as_str()), ("REDIS_TIMEOUT_MS", "20000")];
    let mut pair = Pair::started(&database, &settings).await;
    pair.is_shared(&redis).await;
    for _ in 0..3 {
        pair.late().await;
    }
    // What is computed before a server has heard of its own change is computed once more.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        warm(&pair.nodes[0], &pair.day, pair.stored).await;
    }
    // Whoever is asked writes down first what it has counted.
    stat(&pair.nodes[1], "misses").await;
    let misses = stat(&pair.nodes[0], "misses").await;
    let third = started(database.address(), &settings).await;
    warm(&third, &pair.day, pair.stored).await;
    for node in pair.nodes.iter().chain([&third]) {
        assert_eq!(stat(node, "misses").await, misses, "what is there is not computed again");
    }
    let commands = redis.cli(&["INFO", "commandstats"]);
    assert!(commands.contains("cmdstat_evalsha:"));
    for unbounded in
        ["cmdstat_keys:", "cmdstat_scan:", "cmdstat_flushall:", "cmdstat_smembers:", "cmdstat_hgetall:"]
    {
        assert!(!commands.contains(unbounded), "{commands}");
    }
}

/// Stopped, started again with nothing in it, and silent: no answer is wrong or missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_loss_of_redis_costs_no_answer() {
    let (database, mut redis) = (Database::empty(), Redis::start());
    let mut pair = Pair::started(&database, &[("REDIS_URL", &redis.url())]).await;
    pair.is_shared(&redis).await;
    pair.late().await;
    redis.kill();
    for _ in 0..3 {
        pair.late().await;
    }
    redis.start_again();
    pair.late().await;
    pair.is_shared(&redis).await;
    redis.freeze();
    for _ in 0..3 {
        pair.late().await;
    }
    redis.thaw();
    pair.late().await;
    pair.is_shared(&redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_after_its_commit_leaves_nothing_old_in_redis() {
    let (database, redis) = (Database::empty(), Redis::start());
    let mut pair = Pair::started(&database, &[("REDIS_URL", &redis.url())]).await;
    pair.is_shared(&redis).await;
    for _ in 0..3 {
        for node in &pair.nodes {
            warm(node, &pair.day, pair.stored).await;
        }
        pair.stored += 1;
        let [killed, other] = &mut pair.nodes;
        let taken = killed.post(&pair.ada.key).json(&event(&pair.day)).send().await.unwrap();
        assert_eq!(taken.status(), 202);
        let stored = pair.stored.to_string();
        let rows = async || (database.sql("SELECT count(*) FROM activity") == stored).then_some(());
        until("the commit", PATIENCE, rows).await;
        let at = Instant::now();
        killed.kill();
        shows(other, &pair.day, pair.stored, at).await;
        killed.start().await;
        shows(killed, &pair.day, pair.stored, at).await;
    }
}

/// Answers are read from a replica, which at first is behind and then says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_or_silent_does_no_harm() {
    let (database, primary, replica) = (Database::empty(), Redis::start(), Redis::start());
    let following = Proxy::to_port(primary.port());
    let password = &primary.address().password;
    replica.cli(&["CONFIG", "SET", "masterauth", password]);
    replica.cli(&["REPLICAOF", "127.0.0.1", &following.port().to_string()]);
    until("the replica", PATIENCE, async || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up").then_some(())
    })
    .await;
    // Both ends have one password.
    replica.cli(&["CONFIG", "SET", "requirepass", password]);
    let as_reader = RedisAddress { password: password.clone(), ..replica.address().clone() };
    let reading = Proxy::to_port(replica.port());
    let (url, port) = (primary.url(), reading.port().to_string());
    let settings =
        [("REDIS_URL", url.as_str()), ("REDIS_READ_HOST", "127.0.0.1"), ("REDIS_READ_PORT", &port)];
    let mut pair = Pair::started(&database, &settings).await;
    pair.is_shared(&primary).await;
    let commands = as_reader.cli(&["INFO", "commandstats"]);
    assert!(commands.contains("cmdstat_get:"), "answers are read from the replica: {commands}");
    pair.late().await;
    following.stall();
    for _ in 0..3 {
        pair.late().await;
    }
    reading.stall();
    for _ in 0..3 {
        pair.late().await;
    }
    reading.heal();
    following.heal();
    pair.late().await;
    // The moment in which questions are asked again, not a wait for anything.
    tokio::time::sleep(Duration::from_millis(600)).await;
    pair.late().await;
}

/// Both warm at the same moments: of each answer there is one lease.
#[tokio::test(flavor = "multi_thread")]
async fn instances_that_warm_at_once_compute_each_answer_once() {
    let (database, redis) = (Database::empty(), Redis::start());
    let url = redis.url();
    let settings = [
        ("REDIS_URL", url.as_str()),
        ("REDIS_TIMEOUT_MS", "20000"),
        ("LOG_FORMAT", "json"),
        ("CACHE_PREWARM_CRON_ENABLED", "true"),
        ("CACHE_PREWARM_CRON", "*/2 * * * * *"),
    ];
    let nodes = [started(database.address(), &settings).await, started(database.address(), &settings).await];
    let counts: Vec<Vec<u64>> = nodes.iter().map(|_| Vec::new()).collect();
    let counts = std::cell::RefCell::new(counts);
    until("some runs of both", PATIENCE, async || {
        *counts.borrow_mut() = nodes.iter().map(warmed).collect();
        counts.borrow().iter().all(|runs| runs.len() > 2).then_some(())
    })
    .await;
    let counts = counts.into_inner();
    assert_eq!(counts.iter().flatten().sum::<u64>(), 7, "{counts:?}");
}

/// How many answers each run of a server has computed.
fn warmed(node: &Node) -> Vec<u64> {
    let log = node.log();
    let lines = log.lines().filter(|line| line.contains("the cache is warmed"));
    let number = |line: &str| line.split_once("\"warmed\":")?.1.split([',', '}']).next()?.parse().ok();
    lines.map(|line| number(line).unwrap_or_else(|| panic!("{line}"))).collect()
}
