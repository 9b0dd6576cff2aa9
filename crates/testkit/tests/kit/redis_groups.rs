//! Several Redis servers together: a primary that is replaced, and keys that are spread.

use std::time::Instant;

use activity_testkit::{RedisCluster, RedisSentinel};

const WAIT: [&str; 3] = ["WAIT", "1", "10000"];

#[test]
fn a_replica_takes_over_when_the_sentinels_are_told() {
    let begun = Instant::now();
    let group = RedisSentinel::start();
    println!("ready after {:?}", begun.elapsed());
    assert_eq!(group.primary(), 0);
    group.servers[0].cli(&["SET", "kept", "1"]);
    assert_eq!(group.servers[0].cli(&WAIT), "1");
    assert!(group.servers[1].try_cli(&["SET", "kept", "2"]).unwrap_err().contains("READONLY"));
    let begun = Instant::now();
    group.failover();
    println!("another primary after {:?}", begun.elapsed());
    assert_eq!((group.primary(), group.primary_port()), (1, group.servers[1].port()));
    assert_eq!(group.servers[1].cli(&["GET", "kept"]), "1");
}

#[test]
fn a_replica_takes_over_from_a_killed_primary() {
    let mut group = RedisSentinel::start();
    group.servers[0].cli(&["SET", "kept", "1"]);
    assert_eq!(group.servers[0].cli(&WAIT), "1");
    let begun = Instant::now();
    let old = group.kill_primary();
    group.wait_for_another_than(old);
    println!("another primary after {:?}", begun.elapsed());
    assert_eq!(group.primary(), 1);
    assert_eq!(group.servers[1].cli(&["INCR", "kept"]), "2");
}

#[test]
fn a_cluster_has_a_place_for_every_key() {
    let begun = Instant::now();
    let cluster = RedisCluster::start();
    println!("ready after {:?}", begun.elapsed());
    let mut owners = std::collections::BTreeSet::new();
    for number in 0..30 {
        let key = format!("key-{number}");
        let owner = cluster.owner(&key);
        assert_eq!(owner.cli(&["SET", &key, "1"]), "OK");
        owners.insert(owner.port());
        let strangers = cluster.servers.iter().filter(|server| server.port() != owner.port());
        for stranger in strangers {
            let moved = format!("127.0.0.1:{}", owner.port());
            assert!(stranger.try_cli(&["GET", &key]).unwrap_err().contains(&moved));
        }
    }
    assert_eq!(owners.len(), 3);
}
