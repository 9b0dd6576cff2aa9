//! What happens just now, told to whoever is there.

use std::time::Duration;

use async_trait::async_trait;

use crate::activity::Activity;
use crate::error::Degraded;
use crate::id::ClientId;
use crate::live::{About, Delivery, FeedCounts, Filter, Hint, LiveEvent, Place, Scope, SourceId};

/// Tells readers of events as they become durable, here and on other instances.
///
/// A reader is told of every event that its scope has and its filter lets through and that is accepted after
/// [`Self::subscribe`] returned, in the order of each source, at least once; or how many it missed. The same holds
/// from a [`Place`] on, however long ago and on whichever instance it was there. Doubles are told apart by the
/// activity's id. Nobody who publishes waits for readers, and no reader for another.
pub trait LiveFeed: Send + Sync {
    /// Whether there may be readers, or may have been lately: only then events have to be published. Costs
    /// next to nothing.
    fn is_wanted(&self) -> bool;

    /// Publishes what became durable, in that order. Never waits.
    fn publish(&self, activities: Vec<Activity>);

    /// So many events of these clients became durable and are not published: too much was waiting.
    fn skip(&self, skipped: &[(ClientId, u64)]);

    /// Events became durable and are not published, and nobody knows how many any more.
    fn lose_count(&self);

    /// Begins to read: behind a place, or with what comes next. Refuses more readers than there may be.
    fn subscribe(
        &self,
        scope: Scope,
        filter: Filter,
        place: Option<&Place>,
    ) -> Result<Box<dyn Subscription>, Degraded>;

    /// Tells whoever wants to know, here and on other instances, that something changed.
    fn hint(&self, hints: &[Hint]);

    /// Begins to wait for hints: for those that are given after this returns.
    fn hints(&self, about: About) -> Box<dyn Hints>;

    /// How it does.
    fn counts(&self) -> FeedCounts;

    /// Ends all readings, once readers have what is there for them.
    fn close(&self);
}

/// One who reads events. Dropping it ends that.
#[async_trait]
pub trait Subscription: Send {
    /// What is next; waits for it. `None` once the feed is closed. Nothing is lost if the caller gives up waiting.
    ///
    /// A reader that is too slow misses the oldest of what waits for it, is told how many those were, and goes on
    /// with what is newer.
    async fn next(&mut self) -> Option<Delivery>;

    /// What is there already; `None` if nothing is.
    fn ready(&mut self) -> Option<Delivery>;

    /// Where the reader stands after what it was told last. Sources that nobody has heard of for long are left out.
    fn place(&self) -> Place;
}

/// One who waits for hints.
#[async_trait]
pub trait Hints: Send {
    /// Waits until there were hints since the last time; however many, once. False once the feed is closed.
    async fn next(&mut self) -> bool;
}

/// A feed in this process, for one that carries events between processes.
pub trait LocalFeed: LiveFeed {
    /// Publishes to readers of this process, and says as what.
    fn publish_here(&self, activities: Vec<Activity>) -> News;

    /// Who publishes here at present, and how far it has come.
    fn sign(&self) -> Sign;

    /// Something was published elsewhere, or somebody there says how far it has come. What is known already, or is
    /// older than that, does nothing.
    fn take(&self, sign: Sign, is_whole: bool, news: News);

    /// Hints for this process alone.
    fn hint_here(&self, hints: &[Hint]);

    /// Events or else did not get to other processes.
    fn unsent(&self, count: u64);
}

/// Events of one source, in order.
pub type News = Vec<std::sync::Arc<LiveEvent>>;

/// How far a source has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// Who.
    pub source: SourceId,
    /// The number of its latest event; 0 if there was none.
    pub number: u64,
    /// How long it has been there.
    pub age: Duration,
}
