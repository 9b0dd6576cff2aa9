//! While Redis answers, limits are exact over all servers.

use activity_testkit::{Database, Redis};

use crate::hammer::hammer;
use crate::{limited, two};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_one_limit_exactly() {
    let (database, redis) = (Database::empty(), Redis::start());
    let nodes = two(database.address(), &redis).await;
    for (name, limit) in [("ada", 100), ("bob", 1_000)] {
        let account = limited(&nodes[0], name, limit).await;
        // A quarter more than there is.
        let heard = hammer(&nodes, &account, 25, limit as usize / 20).await;
        let limit = u64::from(limit);
        assert_eq!((heard.count(202), heard.count(429)), (limit, limit / 4), "{:?}", heard.statuses);
        // Both say the same afterwards.
        for node in &nodes {
            let state = node.http.get(node.at("/api/rate-limit")).header("x-api-key", &account.key);
            let state: serde_json::Value = state.send().await.unwrap().json().await.unwrap();
            assert_eq!(state["remaining"], 0, "{state}");
        }
    }
}
