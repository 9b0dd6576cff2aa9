//! Who is told at once what happens: readers of this process, and through Redis those of all instances.

use std::sync::Arc;

use activity_adapter_memory::{FeedOptions, MemoryFeed};
use activity_adapter_redis::{Link, RedisFeed};
use activity_domain::port::{LiveFeed, Randomness};
use activity_domain::service::{TellingClients, TellingSink};

use super::Storage;
use crate::Failure;
use crate::config::Settings;
use crate::system::OsRandomness;

/// The live feed.
pub struct Feeding {
    /// The feed.
    pub feed: Arc<dyn LiveFeed>,
    /// How Redis is, where it carries events between instances.
    pub link: Option<Link>,
}

/// The live feed that the settings ask for. With Redis that is no contact yet.
pub fn feed(settings: &Settings) -> Result<Feeding, Failure> {
    let is_shared = settings.redis.is_some();
    let local = MemoryFeed::new(Arc::new(OsRandomness), FeedOptions { is_shared, ..FeedOptions::default() });
    let Some(redis) = &settings.redis else { return Ok(Feeding { feed: Arc::new(local), link: None }) };
    let mut bits = [0; 8];
    OsRandomness.fill(&mut bits);
    // Not the limiter's connection, which is not to wait for large messages.
    let failed = |reason| format!("Redis: {reason}");
    let link = Link::open(&redis.options.clone().with_name("feed")).map_err(failed)?;
    let feed = RedisFeed::new(link.clone(), &redis.options, Arc::new(local), u64::from_le_bytes(bits));
    Ok(Feeding { feed: Arc::new(feed.map_err(failed)?), link: Some(link) })
}

/// A storage that tells a feed what changes.
pub fn telling(storage: Storage, feed: &Arc<dyn LiveFeed>) -> Storage {
    let sink = Arc::new(TellingSink::new(storage.sink, feed.clone()));
    let clients = Arc::new(TellingClients::new(storage.clients, feed.clone()));
    Storage { clients, sink, ..storage }
}
