//! From the flusher to the live feed: what is durable is told to readers at once, beside its way to the store.
//!
//! A thread of its own does the telling, so that neither the flusher nor any caller waits for readers. What it has no
//! time for is only counted, by client, so that readers are told how much they miss.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::thread::JoinHandle;

use activity_domain::activity::Activity;
use activity_domain::id::ClientId;
use activity_domain::port::LiveFeed;
use parking_lot::{Condvar, Mutex};

/// What may wait to be told.
const MAX_EVENTS: usize = 65_536;
const MAX_BYTES: usize = 32 << 20;
/// Clients by which what is not told is counted. With more, count is lost.
const MAX_CLIENTS: usize = 65_536;

/// Tells a feed what is durable. Dropping it tells what waits and ends its thread.
pub(crate) struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    feed: Arc<dyn LiveFeed>,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    events: usize,
    bytes: usize,
    is_closed: bool,
}

enum Item {
    /// To be told.
    Events(Vec<Activity>),
    /// Not to be told, only how many.
    Skipped(HashMap<ClientId, u64>),
    /// Nobody knows how many any more.
    LostCount,
}

/// What is to be told once it is durable.
pub(crate) struct Publication {
    shared: Arc<Shared>,
    activities: Vec<Activity>,
    bytes: usize,
}

impl Publication {
    /// It is durable. Never waits.
    pub fn publish(self) {
        let Self { shared, activities, bytes } = self;
        let mut waiting = shared.waiting.lock();
        waiting.add(activities, bytes);
        shared.wake.notify_one();
    }
}

impl Waiting {
    fn add(&mut self, activities: Vec<Activity>, bytes: usize) {
        if self.events + activities.len() <= MAX_EVENTS && self.bytes + bytes <= MAX_BYTES {
            self.events += activities.len();
            self.bytes += bytes;
            self.items.push_back(Item::Events(activities));
            return;
        }
        if let Some(Item::LostCount) = self.items.back() {
            return;
        }
        if !matches!(self.items.back(), Some(Item::Skipped(_))) {
            self.items.push_back(Item::Skipped(HashMap::new()));
        }
        if let Some(Item::Skipped(skipped)) = self.items.back_mut() {
            for activity in activities {
                *skipped.entry(activity.client).or_default() += 1;
            }
            if skipped.len() > MAX_CLIENTS {
                self.items.push_back(Item::LostCount);
            }
        }
    }
}

impl Live {
    /// Begins to tell a feed.
    pub fn start(feed: Arc<dyn LiveFeed>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { feed, waiting: Mutex::default(), wake: Condvar::new() });
        let telling = shared.clone();
        let thread = std::thread::Builder::new().name("spool-live".into());
        let thread = thread.spawn(move || telling.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps activities that are about to become durable, if anybody is there to be told.
    pub fn keep(&self, activities: Vec<Activity>, bytes: usize) -> Option<Publication> {
        self.shared.feed.is_wanted().then(|| {
            // Audit trails are not for readers, and may be large.
            let without_audit = |activity| Activity { audit: None, ..activity };
            let activities = activities.into_iter().map(without_audit).collect();
            Publication { shared: self.shared.clone(), activities, bytes }
        })
    }
}

impl Shared {
    fn run(&self) {
        while let Some(items) = self.take() {
            for item in items {
                match item {
                    Item::Events(activities) => self.feed.publish(activities),
                    Item::Skipped(skipped) => self.feed.skip(&skipped.into_iter().collect::<Vec<_>>()),
                    Item::LostCount => self.feed.lose_count(),
                }
            }
        }
    }

    /// Waits for something to tell, and takes all. `None` once closed and empty.
    fn take(&self) -> Option<VecDeque<Item>> {
        let mut waiting = self.waiting.lock();
        while waiting.items.is_empty() {
            if waiting.is_closed {
                return None;
            }
            self.wake.wait(&mut waiting);
        }
        (waiting.events, waiting.bytes) = (0, 0);
        Some(mem::take(&mut waiting.items))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.waiting.lock().is_closed = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing more to tell.
            let _ = thread.join();
        }
    }
}
