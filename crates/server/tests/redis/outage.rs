//! Redis is not there when a server starts.

use activity_testkit::{Database, Redis};

use crate::hammer::hammer;
use crate::{LOST, says, started};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_redis_and_closed_means_closed() {
    let (database, mut redis) = (Database::empty(), Redis::start());
    redis.stop();
    let url = redis.url();
    let more = [("REDIS_URL", url.as_str()), ("RATE_LIMIT_WITHOUT_REDIS", "closed")];
    let node = started(database.address(), &more).await;
    says(&node, LOST).await;
    says(&node, "nothing that has a limit is admitted").await;
    let account = node.register("ada", "client").await;
    let nodes = [node];
    let heard = hammer(&nodes, &account, 2, 5).await;
    assert_eq!(heard.count(429), 10, "{:?}", heard.statuses);
    redis.start_again();
    says(&nodes[0], "answers; no other instance shares limits").await;
    let heard = hammer(&nodes, &account, 2, 5).await;
    assert_eq!(heard.count(202), 10, "{:?}", heard.statuses);
}
