//! Limits go by the time of Redis: that of the servers may be wrong, with leases and without.

use std::time::Instant;

use activity_testkit::{Database, Redis};

use crate::hammer::hammer;
use crate::support::{Node, faketime, skew};
use crate::{LONG, limited, says, started};

/// In short here, in full where there is time for it.
fn rounds() -> usize {
    if std::env::var("ACTIVITY_FAULTS").is_ok_and(|value| value == "full") { 20 } else { 1 }
}

/// Two servers whose clocks are 61 s apart, and 64 callers.
#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_though_clocks_are_apart() {
    let (database, redis, library) = (Database::empty(), Redis::start(), faketime());
    let url = redis.url();
    for (leases, least) in [("false", 1_000), ("true", 950)] {
        let settings =
            [("REDIS_URL", url.as_str()), ("RATE_LIMIT_LEASES", leases), ("REDIS_TIMEOUT_MS", "20000")];
        let wrong =
            [("LD_PRELOAD", library.as_str()), ("FAKETIME", "+61"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        let right = started(database.address(), &settings).await;
        let ahead = started(database.address(), &[&settings[..], &wrong].concat()).await;
        let nodes = [right, ahead];
        let skews = [skew(&nodes[0]).await, skew(&nodes[1]).await];
        assert!(skews[0].abs() < 20 && (41..81).contains(&skews[1]), "{skews:?}");
        let (mut held, mut tried, begun) = (0, 0, Instant::now());
        while held < rounds() {
            tried += 1;
            let what = format!("leases-{leases}-{tried}");
            assert!(begun.elapsed() < 5 * LONG * u32::try_from(rounds()).unwrap(), "{what}");
            if let Some(admitted) = round(&nodes, &what).await {
                assert!((least..=1_000).contains(&admitted), "{what}: {admitted}");
                held += 1;
            }
        }
    }
}

/// How much 64 callers are admitted of a limit of 1,000; `None` if Redis was lost to one of the servers meanwhile, as it may be on a
/// busy machine.
async fn round(nodes: &[Node; 2], name: &str) -> Option<u64> {
    for node in nodes {
        says(node, "answers; 2 instances share limits").await;
    }
    let losses = || nodes.each_ref().map(|node| node.log().matches("Redis is lost").count());
    let before = losses();
    let account = limited(&nodes[0], name, 1_000).await;
    // The servers are to know the account before everybody comes at once.
    let first = hammer(nodes, &account, 2, 1).await;
    // More than there is, by a quarter.
    let heard = hammer(nodes, &account, 64, 20).await;
    (losses() == before).then(|| first.count(202) + heard.count(202))
}
