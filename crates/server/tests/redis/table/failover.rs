//! The primary is killed, and Sentinels make the replica the primary.

use std::cell::RefCell;

use activity_testkit::{Redis, RedisSentinel};

use super::Trial;
use crate::LOST;

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_is_killed() {
    let group = RedisSentinel::start();
    let hosts: Vec<String> =
        group.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
    let hosts = hosts.join(",");
    let [own, theirs] =
        [&group.servers[0], &group.sentinels[0]].map(|server| server.address().password.clone());
    let settings = [
        ("REDIS_SENTINEL_HOSTS", hosts.as_str()),
        ("REDIS_SENTINEL_MASTER_NAME", RedisSentinel::MASTER_NAME),
        ("REDIS_SENTINEL_PASSWORD", &theirs),
        ("REDIS_PASSWORD", &own),
    ];
    let mut trial = Trial::start([&settings; 2]).await;
    let group = RefCell::new(group);
    let kill = || {
        let primary = group.borrow().primary();
        Redis::kill(&mut group.borrow_mut().servers[primary]);
    };
    // It is the Sentinels who bring it back.
    trial.fault(&[0, 1], LOST, kill, async || {}).await;
    trial.end("killed under Sentinel").await;
}
