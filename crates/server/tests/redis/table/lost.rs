//! Redis stopped and killed.

use std::cell::RefCell;

use activity_testkit::Redis;

use super::Trial;
use crate::LOST;

async fn ends(end: fn(&mut Redis), what: &str) {
    let mut redis = Redis::start();
    let url = redis.url();
    let mut trial = Trial::start([&[("REDIS_URL", &url)]; 2]).await;
    let redis = RefCell::new(&mut redis);
    trial
        .fault(&[0, 1], LOST, || end(&mut redis.borrow_mut()), async || redis.borrow_mut().start_again())
        .await;
    trial.end(what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_stopped() {
    ends(Redis::stop, "stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed() {
    ends(Redis::kill, "killed").await;
}
