//! Feeds for tests: instances that hear of each other.

#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use activity_adapter_memory::{FeedOptions, MemoryFeed, SeededRandomness};
use activity_adapter_redis::{Link, Options, RedisFeed};
use activity_contract::feed::{FeedHarness, FeedsUnderTest};
use activity_domain::port::LocalFeed;
use async_trait::async_trait;

use crate::kit;

pub const WAITING: usize = 64;
pub const KEPT: usize = 200;

/// A number that no other call gets in this process.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A channel that is nobody else's.
pub fn channel() -> String {
    format!("activity:test:{}:{}", std::process::id(), number())
}

/// An instance's feed, which need not be connected yet.
pub fn instance(link: &Link, options: &Options, channel: &str) -> Arc<RedisFeed> {
    let room = FeedOptions { waiting: WAITING, events: KEPT, is_shared: true, ..FeedOptions::default() };
    let seed = number();
    let local: Arc<dyn LocalFeed> = Arc::new(MemoryFeed::new(Arc::new(SeededRandomness::new(seed)), room));
    Arc::new(RedisFeed::on(link.clone(), options, local, seed, channel.to_owned()).expect("a feed"))
}

/// Waits until an instance hears what is said from now on.
pub async fn hears(feed: &RedisFeed) {
    let before = feed.heard();
    kit::until("an instance to hear itself", || feed.heard() > before + 1).await;
}

/// Pairs of instances, each on a channel of its own.
pub struct Harness(Options);

impl Harness {
    /// With more patience than a law needs: a busy machine is no outage.
    pub fn on(options: Options) -> Self {
        Self(options.with_patience(kit::SOON))
    }
}

#[async_trait]
impl FeedHarness for Harness {
    async fn fresh(&self) -> FeedsUnderTest {
        let (link, channel) = (kit::up(&self.0).await, channel());
        let [one, other] = [(); 2].map(|()| instance(&link, &self.0, &channel));
        hears(&one).await;
        hears(&other).await;
        let (waiting, kept) = (WAITING as u64, KEPT as u64);
        FeedsUnderTest { one, other, waiting, kept, guard: Box::new(link) }
    }
}
