//! Events of late, for readers who come back and for what waits for readers.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::id::ClientId;
use activity_domain::live::LiveEvent;
use tokio::time::Instant;

/// What may be kept.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// So many events.
    pub events: usize,
    /// About so many bytes.
    pub bytes: usize,
    /// For so long.
    pub age: Duration,
}

/// Events in the order in which they came; each has a place in that order, which it keeps.
pub struct Ring {
    room: Room,
    /// What was forgotten leaves its place.
    kept: VecDeque<(Instant, Option<Arc<LiveEvent>>)>,
    /// The place of the oldest that is kept.
    first: u64,
    bytes: usize,
}

impl Ring {
    pub fn new(room: Room) -> Self {
        Self { room, kept: VecDeque::new(), first: 0, bytes: 0 }
    }

    /// Adds an event; says at which place. The oldest make room for it.
    pub fn push(&mut self, event: Arc<LiveEvent>, now: Instant) -> u64 {
        self.bytes += event.weight();
        self.kept.push_back((now, Some(event)));
        while self.kept.len() > self.room.events || self.bytes > self.room.bytes {
            self.drop_oldest();
        }
        self.next() - 1
    }

    /// Lets go of what is too old.
    pub fn expire(&mut self, now: Instant) {
        while self.kept.front().is_some_and(|(since, _)| now - *since > self.room.age) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, event)) = self.kept.pop_front() {
            self.bytes -= event.map_or(0, |event| event.weight());
            self.first += 1;
        }
    }

    /// Nothing of a client is there any more.
    pub fn forget(&mut self, client: &ClientId) {
        for (_, kept) in &mut self.kept {
            if let Some(event) = kept.take_if(|event| event.activity.client == *client) {
                self.bytes -= event.weight();
            }
        }
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// The place of the oldest event.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The place of the event that comes next.
    pub fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// The event at a place, if it is still there.
    pub fn get(&self, place: u64) -> Option<&Arc<LiveEvent>> {
        let index = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.kept.get(index).and_then(|(_, event)| event.as_ref())
    }

    /// Events with their places, as far as they are still there.
    pub fn within(&self, places: Range<u64>) -> impl Iterator<Item = (u64, &Arc<LiveEvent>)> {
        let index = |place: u64| {
            usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.kept.len())
        };
        let from = index(places.start);
        let events = self.kept.range(from..index(places.end).max(from));
        let places = self.first + from as u64..;
        places.zip(events).filter_map(|(place, (_, event))| Some((place, event.as_ref()?)))
    }
}
