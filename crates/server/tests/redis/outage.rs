//! Redis lost under load: nobody gets an error, limits go on, and it is used again when it is back.

use std::time::Instant;

use activity_testkit::{Database, Redis};

use crate::hammer::Hammer;
use crate::{LONG, limited, says, started, two, until};

const LOST: &str = "is lost; each instance keeps limits alone";
const BACK: &str = "answers; 2 instances share limits";

type Change = fn(&mut Redis);

/// In each way that it can be lost.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_an_error_while_redis_is_lost() {
    let (database, mut redis) = (Database::empty(), Redis::start());
    let nodes = two(database.address(), &redis).await;
    let busy = nodes[0].register("busy", "client").await;
    let ways: [(&str, Change, Change); 3] = [
        ("stopped", Redis::stop, Redis::start_again),
        ("killed", Redis::kill, Redis::start_again),
        ("frozen", |redis| redis.freeze(), |redis| redis.thaw()),
    ];
    for (number, (what, lose, bring_back)) in ways.into_iter().enumerate() {
        let load = Hammer::start(&nodes, &busy, 8, usize::MAX);
        until("load", LONG, async || (load.calls() > 200).then_some(())).await;
        lose(&mut redis);
        for node in &nodes {
            says(node, LOST).await;
        }
        // A limit of 100 is 50 for each of two.
        let limited = limited(&nodes[0], &format!("limited-{number}"), 100).await;
        let heard = Hammer::start(&nodes, &limited, 8, 20).finish().await;
        assert_eq!((heard.count(202), heard.count(429)), (100, 60), "{what}: {:?}", heard.statuses);
        bring_back(&mut redis);
        let begun = Instant::now();
        for node in &nodes {
            says(node, BACK).await;
        }
        println!("{what}: back after {:?}", begun.elapsed());
        // It was told of those hundred before it was asked again.
        let heard = Hammer::start(&nodes, &limited, 8, 2).finish().await;
        assert_eq!(heard.count(429), 16, "{what}: {:?}", heard.statuses);
        let mut heard = load.stop().await;
        let [p99, longest] = heard.slowest();
        println!("{what}: {:?}, p99 {p99:?}, longest {longest:?}", heard.statuses);
        let total: u64 = heard.statuses.values().sum();
        assert_eq!(heard.count(202), total, "{what}: {:?}", heard.statuses);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_redis_and_closed_means_closed() {
    let (database, mut redis) = (Database::empty(), Redis::start());
    redis.stop();
    let url = redis.url();
    let more = [("REDIS_URL", url.as_str()), ("RATE_LIMIT_WITHOUT_REDIS", "closed")];
    let node = started(database.address(), &more).await;
    says(&node, LOST).await;
    let account = node.register("ada", "client").await;
    let nodes = [node];
    let heard = Hammer::start(&nodes, &account, 2, 5).finish().await;
    assert_eq!(heard.count(429), 10, "{:?}", heard.statuses);
    redis.start_again();
    says(&nodes[0], "answers; no other instance shares limits").await;
    let heard = Hammer::start(&nodes, &account, 2, 5).finish().await;
    assert_eq!(heard.count(202), 10, "{:?}", heard.statuses);
}
