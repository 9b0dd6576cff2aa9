//! Everything that Redis is asked while the program is used: only what is bounded, and values at the replica.

use activity_testkit::{Database, Redis, RedisCommand, RedisMonitor};

use crate::support::{Node, until};
use crate::table::Known;
use crate::{BACK, LONG, says, started};

/// One key, one member or one field, however large what is there.
const SMALL: &[&str] = &[
    "AUTH",
    "CLIENT",
    "CONFIG",
    "DECRBY",
    "EVALSHA",
    "GET",
    "HDEL",
    "HELLO",
    "HGET",
    "HINCRBY",
    "HMGET",
    "HSET",
    "INCRBY",
    "INFO",
    "PEXPIRE",
    "PING",
    "PUBLISH",
    "SCRIPT",
    "SELECT",
    "SET",
    "SUBSCRIBE",
    "TIME",
    "UNLINK",
    "UNSUBSCRIBE",
    "ZADD",
    "ZCARD",
    "ZINCRBY",
    "ZPOPMIN",
    "ZREM",
    "ZREMRANGEBYSCORE",
    "ZSCORE",
];
/// Between servers, and what a script is to a replica.
const BETWEEN: &[&str] = &["DEL", "EXEC", "MULTI", "PEXPIREAT", "REPLCONF", "SET"];
/// The most of a range that is asked for at once.
const MOST: u64 = 1_000;

/// Whether it takes no longer the more there is.
fn is_bounded(command: &RedisCommand) -> bool {
    let number = |index: usize| command.arguments.get(index).and_then(|text| text.parse::<u64>().ok());
    match command.name.as_str() {
        "ZREVRANGE" => number(2).is_some_and(|last| last < MOST),
        "ZRANGEBYSCORE" => command.arguments[3].eq_ignore_ascii_case("limit") && number(5) <= Some(MOST),
        name => SMALL.contains(&name),
    }
}

/// What the admin asks has to be answered with one of these.
async fn admin(node: &Node, method: reqwest::Method, path: &str, expected: &[u16]) {
    let request = node.http.request(method, node.at(path)).header("x-api-key", node.admin_key());
    let status = request.send().await.unwrap().status().as_u16();
    assert!(expected.contains(&status), "{path}: {status}");
}

/// Clients register, record, ask for usage and limits; caches are warmed, and looked at.
async fn use_it(nodes: &[Node]) {
    for (number, node) in (0..).zip(nodes) {
        let account = node.register(&format!("ada-{number}"), "client").await;
        let known = Known::store(node, &account, number + 1).await;
        for known in known.iter().cycle().take(30) {
            for node in nodes {
                known.question(node).ask().await.unwrap();
            }
        }
        for path in ["/api/rate-limit", "/api/logs?limit=5", "/api/usage/daily?days=7"] {
            let request = node.http.get(node.at(path)).header("x-api-key", &account.key);
            assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
        }
        admin(node, reqwest::Method::GET, "/api/usage/top?hours=48", &[200]).await;
        // It may be at it already.
        admin(node, reqwest::Method::POST, "/api/cache/prewarm", &[200, 409]).await;
        admin(node, reqwest::Method::GET, "/api/cache/stats", &[200]).await;
        let reset = format!("/api/clients/{}/rate-limit", account.id);
        admin(node, reqwest::Method::DELETE, &reset, &[200, 204]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_asked_only_what_is_bounded_and_the_replica_for_values() {
    let (database, primary, replica) = (Database::empty(), Redis::start(), Redis::start());
    let password = &primary.address().password;
    replica.cli(&["CONFIG", "SET", "masterauth", password]);
    replica.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    until("the replica", LONG, async || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up").then_some(())
    })
    .await;
    // Servers get in at both with one password; the monitor is in already.
    let watching: [RedisMonitor; 2] = [primary.monitor(), replica.monitor()];
    replica.cli(&["CONFIG", "SET", "requirepass", password]);
    let (url, port) = (primary.url(), replica.port().to_string());
    let settings = [
        ("REDIS_URL", url.as_str()),
        ("REDIS_READ_HOST", "127.0.0.1"),
        ("REDIS_READ_PORT", &port),
        ("CACHE_TTL_USAGE_DAILY", "1"),
        ("CACHE_PREWARM_CRON_ENABLED", "true"),
        ("CACHE_PREWARM_CRON", "* * * * * *"),
    ];
    let nodes = [started(database.address(), &settings).await, started(database.address(), &settings).await];
    for node in &nodes {
        says(node, BACK).await;
    }
    use_it(&nodes).await;
    let is_cached = |command: &RedisCommand| {
        command.arguments.first().is_some_and(|key| key.starts_with("activity:cache1:{v1:"))
    };
    let reads = |monitor: &RedisMonitor| {
        let all = monitor.commands().into_iter();
        all.filter(|command| command.name == "GET" && !command.by_script && is_cached(command)).count()
    };
    until("values at the replica, and the books", LONG, async || {
        let has_books = watching[0].names().contains("ZINCRBY");
        (has_books && reads(&watching[1]) > 20).then_some(())
    })
    .await;
    assert_eq!(reads(&watching[0]), 0, "values are read at the replica");
    for (monitor, between) in watching.iter().zip([&[][..], BETWEEN]) {
        let bad: Vec<RedisCommand> = monitor
            .commands()
            .into_iter()
            .filter(|command| !is_bounded(command) && !between.contains(&command.name.as_str()))
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
        println!("{} commands: {:?}", monitor.commands().len(), monitor.names());
    }
}
