//! Redis is there and says nothing.

use activity_testkit::Redis;

use super::{Trial, seconds};
use crate::LOST;

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_frozen() {
    let redis = Redis::start();
    let url = redis.url();
    let mut trial = Trial::start([&[("REDIS_URL", &url)]; 2]).await;
    trial.fault(&[0, 1], LOST, || redis.freeze(), async || redis.thaw()).await;
    trial.end("frozen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_redis_are_paused() {
    let redis = Redis::start();
    let url = redis.url();
    let mut trial = Trial::start([&[("REDIS_URL", &url)]; 2]).await;
    let pause = seconds(8, 30);
    // Whoever asks is answered when it is over.
    let over = async || drop(redis.cli(&["PING"]));
    trial.fault(&[0, 1], LOST, || redis.client_pause(pause), over).await;
    trial.end("paused").await;
}
