//! Limits go by the time of Redis: that of the servers may be wrong, with leases and without.

use activity_testkit::{Database, Redis};

use crate::hammer::Hammer;
use crate::support::{faketime, skew};
use crate::{limited, says, started};

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
        let settings = [("REDIS_URL", url.as_str()), ("RATE_LIMIT_LEASES", leases)];
        let wrong =
            [("LD_PRELOAD", library.as_str()), ("FAKETIME", "+61"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        let right = started(database.address(), &settings).await;
        let ahead = started(database.address(), &[&settings[..], &wrong].concat()).await;
        let nodes = [right, ahead];
        for node in &nodes {
            says(node, "answers; 2 instances share limits").await;
        }
        let skews = [skew(&nodes[0]).await, skew(&nodes[1]).await];
        assert!(skews[0].abs() < 20 && (41..81).contains(&skews[1]), "{skews:?}");
        for round in 0..rounds() {
            let account = limited(&nodes[0], &format!("leases-{leases}-{round}"), 1_000).await;
            // More than there is, by a quarter.
            let heard = Hammer::start(&nodes, &account, 64, 20).finish().await;
            let admitted = heard.count(202);
            assert!((least..=1_000).contains(&admitted), "leases {leases}: {:?}", heard.statuses);
            assert_eq!(admitted + heard.count(429), 1_280, "{:?}", heard.statuses);
        }
    }
}
