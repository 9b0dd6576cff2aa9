//! The live feed of all instances: each tells the others, by Redis's publish and subscribe, what it accepts.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | [`RedisFeed`]: a feed of this process that hears of others, and is heard |
//! | `outbox` | what waits to be sent |
//! | `sending` | sends it, and signs of life |
//! | `listening` | hears the others, and whether anything is heard at all |
//! | `codec` | a message as bytes |
//!
//! Redis promises nobody a message. Numbers tell what did not come, at the latest with the next sign of life, and
//! readers are told. While Redis is lost, readers see what their own instance accepts; what waits then is sent when
//! it is back, as far as there was room.
//!
//! All goes through one channel: every instance keeps what all have accepted lately, so that a reader may come back
//! to any. In a cluster it is a sharded one, so that one server carries it and not all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use activity_domain::activity::Activity;
use activity_domain::error::Degraded;
use activity_domain::id::ClientId;
use activity_domain::live::{About, FeedCounts, Filter, Hint, Place, Scope};
use activity_domain::port::{Hints, LiveFeed, LocalFeed, Subscription};
use tokio::task::JoinHandle;

use self::listening::Listener;
use self::outbox::Outbox;
use crate::link::{Link, Options};

mod codec;
mod listening;
mod outbox;
mod sending;

/// Where instances meet.
const CHANNEL: &str = "activity:feed:1";

/// A [`LiveFeed`] over those of all instances.
pub struct RedisFeed {
    inner: Arc<Inner>,
    tasks: [JoinHandle<()>; 2],
}

struct Inner {
    local: Arc<dyn LocalFeed>,
    outbox: Outbox,
    /// How often this instance has heard itself.
    heard: AtomicU64,
}

impl RedisFeed {
    /// Goes on in the background to send and to listen; Redis may come later. The instance is told from others by
    /// its number, drawn at random. The error says why that will never succeed. Needs a runtime.
    pub fn new(
        link: Link,
        options: &Options,
        local: Arc<dyn LocalFeed>,
        instance: u64,
    ) -> Result<Self, String> {
        Self::on(link, options, local, instance, CHANNEL.to_owned())
    }

    /// The same on another channel, for those who share a server and nothing else.
    pub fn on(
        link: Link,
        options: &Options,
        local: Arc<dyn LocalFeed>,
        instance: u64,
        channel: String,
    ) -> Result<Self, String> {
        let inner = Arc::new(Inner { local, outbox: Outbox::new(), heard: AtomicU64::new(0) });
        let listener = Listener::open(inner.clone(), options, instance, channel.clone())?;
        let sending = sending::run(inner.clone(), link, instance, channel, options.is_cluster());
        let tasks = [tokio::spawn(listener.run()), tokio::spawn(sending)];
        Ok(Self { inner, tasks })
    }

    /// How often this instance has heard itself: as long as that rises, it hears others too.
    pub fn heard(&self) -> u64 {
        self.inner.heard.load(Ordering::Relaxed)
    }
}

impl Drop for RedisFeed {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl LiveFeed for RedisFeed {
    fn is_wanted(&self) -> bool {
        self.inner.local.is_wanted()
    }

    fn publish(&self, activities: Vec<Activity>) {
        let Inner { local, outbox, .. } = &*self.inner;
        let dropped = outbox.add(|| (local.publish_here(activities), local.sign()));
        self.inner.unsent(dropped);
    }

    fn skip(&self, skipped: &[(ClientId, u64)]) {
        let Inner { local, outbox, .. } = &*self.inner;
        outbox.add(|| {
            local.skip(skipped);
            (Vec::new(), local.sign())
        });
    }

    fn lose_count(&self) {
        let Inner { local, outbox, .. } = &*self.inner;
        outbox.add(|| {
            local.lose_count();
            (Vec::new(), local.sign())
        });
    }

    fn subscribe(
        &self,
        scope: Scope,
        filter: Filter,
        place: Option<&Place>,
    ) -> Result<Box<dyn Subscription>, Degraded> {
        self.inner.local.subscribe(scope, filter, place)
    }

    fn hint(&self, hints: &[Hint]) {
        self.inner.local.hint_here(hints);
        let dropped = self.inner.outbox.hint(hints);
        self.inner.unsent(dropped);
    }

    fn hints(&self, about: About) -> Box<dyn Hints> {
        self.inner.local.hints(about)
    }

    fn counts(&self) -> FeedCounts {
        self.inner.local.counts()
    }

    fn close(&self) {
        self.inner.local.close();
    }
}

impl Inner {
    fn unsent(&self, count: u64) {
        if count > 0 {
            self.local.unsent(count);
        }
    }
}
