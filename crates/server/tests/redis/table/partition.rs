//! One of two servers does not reach Redis, and the other one does.

use activity_testkit::{Proxy, Redis};

use super::Trial;
use crate::LOST;

async fn parted(part: fn(&Proxy), what: &str) {
    let redis = Redis::start();
    let proxy = Proxy::to_port(redis.port());
    let [near, far] = [redis.url(), redis.address().at(proxy.port()).url()];
    let mut trial = Trial::start([&[("REDIS_URL", &near)], &[("REDIS_URL", &far)]]).await;
    trial.fault(&[1], LOST, || part(&proxy), async || proxy.heal()).await;
    trial.end(what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_is_cut_off() {
    parted(Proxy::cut, "one cut off").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_hears_nothing() {
    parted(Proxy::stall, "one hears nothing").await;
}
