//! The live feed of a single process, made for production; one that carries events between processes stands on it.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | the ports |
//! | `hub` | who is told what |
//! | `ring` | events of late |
//! | `heads` | how far each source has come |
//! | `reader` | what waits for a reader |
//! | `wanted` | whether anybody is there |
//! | `hints` | who wants to know that something changed |

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_domain::activity::Activity;
use activity_domain::error::Degraded;
use activity_domain::id::ClientId;
use activity_domain::live::{About, Delivery, FeedCounts, Filter, Hint, Place, Scope, SourceId};
use activity_domain::port::{Hints, LiveFeed, LocalFeed, News, Randomness, Sign, Subscription};
use async_trait::async_trait;
use tokio::sync::Notify;

use self::hints::Board;
use self::hub::{Hub, ReaderId};
use self::wanted::Wanted;

mod heads;
mod hints;
mod hub;
mod reader;
mod ring;
mod wanted;

/// Events are told in portions of so many, so that readers get a turn in between.
const PORTION: usize = 256;

/// How much a feed keeps, and for how many.
#[derive(Debug, Clone, Copy)]
pub struct FeedOptions {
    /// So many events are kept for readers who come back ...
    pub events: usize,
    /// ... of about so many bytes together ...
    pub bytes: usize,
    /// ... and for so long.
    pub horizon: Duration,
    /// So many events may wait for a reader.
    pub waiting: usize,
    /// So many readers there may be.
    pub readers: usize,
    /// Whether there may be readers elsewhere, so that events are always wanted.
    pub is_shared: bool,
}

impl Default for FeedOptions {
    /// 16,384 events, 32 MiB, five minutes; 1,024 events before each of 16,384 readers.
    fn default() -> Self {
        Self {
            events: 16_384,
            bytes: 32 << 20,
            horizon: Duration::from_mins(5),
            waiting: 1_024,
            readers: 16_384,
            is_shared: false,
        }
    }
}

/// A [`LiveFeed`] in memory.
pub struct MemoryFeed(Arc<Shared>);

struct Shared {
    hub: Mutex<Hub>,
    wanted: Wanted,
    board: Board,
    randomness: Arc<dyn Randomness>,
    /// Whether there may be readers elsewhere.
    reaches_others: bool,
}

impl MemoryFeed {
    /// A feed without events. Sources have random ids.
    pub fn new(randomness: Arc<dyn Randomness>, options: FeedOptions) -> Self {
        let hub = Mutex::new(Hub::new(options, source(&*randomness)));
        let wanted = Wanted::new(options.horizon);
        if options.is_shared {
            wanted.always();
        }
        let reaches_others = options.is_shared;
        Self(Arc::new(Shared { hub, wanted, board: Board::new(), randomness, reaches_others }))
    }
}

fn source(randomness: &dyn Randomness) -> SourceId {
    let mut bits = [0; 8];
    randomness.fill(&mut bits);
    SourceId(u64::from_le_bytes(bits))
}

impl Shared {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        // Nothing panics halfway through a change.
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, activities: Vec<Activity>) -> News {
        let mut news = Vec::with_capacity(activities.len());
        let mut rest = activities.into_iter().peekable();
        while rest.peek().is_some() {
            let portion = rest.by_ref().take(PORTION).collect();
            let mut hub = self.hub();
            hub.expire();
            if hub.is_crowded() {
                hub.begin(source(&*self.randomness));
            }
            news.extend(hub.publish(portion));
        }
        news
    }
}

impl LiveFeed for MemoryFeed {
    fn is_wanted(&self) -> bool {
        self.0.wanted.is_wanted()
    }

    fn publish(&self, activities: Vec<Activity>) {
        self.0.publish(activities);
    }

    fn skip(&self, skipped: &[(ClientId, u64)]) {
        self.0.hub().skip(skipped);
    }

    fn lose_count(&self) {
        let source = source(&*self.0.randomness);
        self.0.hub().lose_count(source);
    }

    fn subscribe(
        &self,
        scope: Scope,
        filter: Filter,
        place: Option<&Place>,
    ) -> Result<Box<dyn Subscription>, Degraded> {
        let mut hub = self.0.hub();
        if !self.0.wanted.is_wanted() {
            // Nobody has counted for a while.
            hub.begin_anew(source(&*self.0.randomness));
        }
        let subscribed = hub.subscribe(scope, filter, place);
        let (id, wake) = subscribed.ok_or_else(|| Degraded("the feed has too many readers".to_owned()))?;
        self.0.wanted.always();
        drop(hub);
        Ok(Box::new(MemorySubscription { feed: self.0.clone(), id, wake }))
    }

    fn hint(&self, hints: &[Hint]) {
        self.hint_here(hints);
    }

    fn hints(&self, about: About) -> Box<dyn Hints> {
        self.0.board.wait(about)
    }

    fn counts(&self) -> FeedCounts {
        self.0.hub().counts()
    }

    fn close(&self) {
        self.0.hub().close();
        self.0.board.close();
    }
}

impl LocalFeed for MemoryFeed {
    fn publish_here(&self, activities: Vec<Activity>) -> News {
        self.0.publish(activities)
    }

    fn sign(&self) -> Sign {
        self.0.hub().sign()
    }

    fn take(&self, sign: Sign, is_whole: bool, news: News) {
        let mut hub = self.0.hub();
        hub.expire();
        hub.take(sign, is_whole, news);
    }

    fn hint_here(&self, hints: &[Hint]) {
        for hint in hints {
            if let Hint::Erased(client) = hint {
                self.0.hub().forget(client);
            }
        }
        self.0.board.hint(hints);
    }

    fn unsent(&self, count: u64) {
        self.0.hub().unsent(count);
    }
}

struct MemorySubscription {
    feed: Arc<Shared>,
    id: ReaderId,
    wake: Arc<Notify>,
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            {
                let mut hub = self.feed.hub();
                let next = hub.next(self.id);
                if next.is_some() || hub.is_closed() {
                    return next;
                }
            }
            self.wake.notified().await;
        }
    }

    fn ready(&mut self) -> Option<Delivery> {
        self.feed.hub().next(self.id)
    }

    fn place(&self) -> Place {
        // It is there for as long as this is.
        self.feed.hub().place(self.id).unwrap_or_else(|| Place::new(&Scope::Everybody))
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        let mut hub = self.feed.hub();
        if hub.leave(self.id) && !self.feed.reaches_others {
            self.feed.wanted.for_a_while();
        }
    }
}
