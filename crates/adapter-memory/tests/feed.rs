//! The feed of a single process keeps the laws of its port.

use std::sync::Arc;

use activity_adapter_memory::{FeedOptions, MemoryFeed, SeededRandomness};
use activity_contract::feed::FeedsUnderTest;
use activity_domain::port::LiveFeed;

async fn fresh() -> FeedsUnderTest {
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let seed = SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let options = FeedOptions { waiting: 64, events: 200, ..FeedOptions::default() };
    let feed: Arc<dyn LiveFeed> = Arc::new(MemoryFeed::new(Arc::new(SeededRandomness::new(seed)), options));
    FeedsUnderTest { one: feed.clone(), other: feed, waiting: 64, kept: 200, guard: Box::new(()) }
}

activity_contract::feed_laws!(fresh);
