//! Redis has no memory left and evicts nothing: it answers, and refuses to write.

use activity_testkit::Redis;

use super::Trial;

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_full() {
    let redis = Redis::start();
    let url = redis.url();
    let mut trial = Trial::start([&[("REDIS_URL", &url)]; 2]).await;
    let set = |limit: &str| drop(redis.cli(&["CONFIG", "SET", "maxmemory", limit]));
    trial.fault(&[0, 1], "answers and refuses (OOM)", || set("1"), async || set("0")).await;
    trial.end("full").await;
}
