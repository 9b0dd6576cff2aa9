//! Somebody writes into the keys of the cache.

use activity_testkit::{Database, Redis};

use super::asking::Known;
use crate::support::until;
use crate::{LONG, two};

/// Each server has a cache of its own in front. So the first one computes, and the second finds what was made of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_put_into_the_cache_is_never_served() {
    let (database, redis) = (Database::empty(), Redis::start());
    let nodes = two(database.address(), &redis).await;
    let lua = |script: &str, keys: &[&str]| {
        let count = keys.len().to_string();
        redis.cli(&[&["EVAL", script, &count], keys].concat())
    };
    let ways = [
        ("junk", "return redis.call('SET', KEYS[1], 'junk')"),
        ("another client's", "return redis.call('SET', KEYS[1], redis.call('GET', KEYS[2]))"),
        (
            "another version",
            "local v = redis.call('GET', KEYS[1]) return redis.call('SET', KEYS[1], 'atc0' .. string.sub(v, 5))",
        ),
        (
            "truncated",
            "local v = redis.call('GET', KEYS[1]) return redis.call('SET', KEYS[1], string.sub(v, 1, #v / 2))",
        ),
        ("empty", "return redis.call('SET', KEYS[1], '')"),
        (
            "a byte changed",
            "local v = redis.call('GET', KEYS[1]) local n = math.floor(#v / 2) return redis.call('SET', KEYS[1], string.sub(v, 1, n - 1) .. string.char((string.byte(v, n) + 1) % 256) .. string.sub(v, n + 1))",
        ),
        ("a list", "redis.call('UNLINK', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'a', 'b')"),
    ];
    for (number, (what, script)) in (1..).zip(ways) {
        let one = nodes[0].register(&format!("one-{number}"), "client").await;
        let other = nodes[0].register(&format!("other-{number}"), "client").await;
        let ones = Known::store(&nodes[0], &one, number).await;
        let others = Known::store(&nodes[0], &other, number + 50).await;
        for (known, foreign) in ones.iter().zip(&others) {
            for known in [known, foreign] {
                until("a value in Redis", LONG, async || {
                    known.question(&nodes[0]).ask().await.unwrap();
                    (redis.cli(&["EXISTS", &known.place()]) == "1").then_some(())
                })
                .await;
            }
            lua(script, &[&known.place(), &foreign.place()]);
            for node in [&nodes[1], &nodes[0], &nodes[1]] {
                known.question(node).ask().await.unwrap_or_else(|trouble| panic!("{what}: {trouble}"));
            }
        }
    }
}
