//! One reader: what waits for it, and how far it has come.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use activity_domain::live::{Delivery, Filter, LiveEvent, Missed, Place, Scope, SourceId};
use tokio::sync::Notify;

use super::ring::Ring;

/// What is told in this order: what was missed before it came, what it came back for, what it was too slow for, and
/// what waits. Events that wait are places in the ring, so that a reader that is stuck keeps nothing alive.
pub struct Reader {
    pub scope: Scope,
    pub filter: Filter,
    pub place: Place,
    missed_before: Missed,
    replay: Option<Replay>,
    missed: Missed,
    waiting: VecDeque<Waiting>,
    room: usize,
    wake: Arc<Notify>,
}

enum Waiting {
    /// The event at a place of the ring.
    Event(u64),
    Lagged(Missed),
}

/// A part of the ring that is read again.
struct Replay {
    places: Range<u64>,
    /// How many events in there are for the reader.
    left: u64,
}

impl Reader {
    /// A reader that stands at a place, and before whom so many events may wait.
    pub fn new(scope: Scope, filter: Filter, place: Place, room: usize) -> Self {
        let (missed_before, missed) = (Missed::NONE, Missed::NONE);
        let (waiting, wake) = (VecDeque::new(), Arc::default());
        Self { scope, filter, place, missed_before, replay: None, missed, waiting, room, wake }
    }

    /// Is told when there is something.
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// What it came back for: so many are missed, and others are in the ring.
    pub fn resume(&mut self, missed: Missed, ring: &Ring) {
        self.missed_before = missed;
        let places = ring.first()..ring.next();
        let left = self.count(ring, places.clone());
        self.replay = (left > 0).then_some(Replay { places, left });
    }

    /// How many events in a part of the ring are for it, and new to it.
    fn count(&self, ring: &Ring, places: Range<u64>) -> u64 {
        ring.within(places).filter(|(_, event)| self.is_for_it(event)).count() as u64
    }

    fn is_for_it(&self, event: &LiveEvent) -> bool {
        self.scope.has(&event.activity.client)
            && self.place.reached(event.source).unwrap_or(0) < event.number_in(&self.scope)
            && self.filter.lets_through(event)
    }

    /// An event of its scope has come, to a place of the ring. Says how many make room for it.
    pub fn come(&mut self, event: &LiveEvent, at: u64) -> u64 {
        if self.filter.lets_through(event) {
            return self.wait(Waiting::Event(at));
        }
        self.pass(event.source, event.number_in(&self.scope));
        0
    }

    /// Events of its scope did not come. Says how many others make room for that.
    pub fn lag(&mut self, missed: Missed) -> u64 {
        if missed.is_none() {
            return 0;
        }
        if let Some(Waiting::Lagged(last)) = self.waiting.back_mut() {
            *last = last.and(missed);
            return 0;
        }
        self.wait(Waiting::Lagged(missed))
    }

    fn wait(&mut self, what: Waiting) -> u64 {
        let mut gone = 0;
        if self.waiting.len() >= self.room {
            match self.waiting.pop_front() {
                Some(Waiting::Event(_)) => {
                    self.missed = self.missed.and(Missed::exactly(1));
                    gone = 1;
                }
                Some(Waiting::Lagged(earlier)) => self.missed = self.missed.and(earlier),
                None => {}
            }
        }
        self.waiting.push_back(what);
        if self.waiting.len() == 1 {
            self.wake.notify_one();
        }
        gone
    }

    /// What is not for it is behind it all the same, if nothing is before it.
    fn pass(&mut self, source: SourceId, number: u64) {
        if self.is_idle() {
            self.place.advance(source, number);
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.replay.is_none() && self.missed.is_none()
    }

    /// What it is told next; `None` if there is nothing.
    pub fn next(&mut self, ring: &Ring) -> Option<Delivery> {
        if let Some(missed) = take(&mut self.missed_before) {
            return Some(Delivery::Lagged(missed));
        }
        if let Some(again) = self.again(ring) {
            return Some(again);
        }
        loop {
            let event = match self.waiting.front() {
                Some(Waiting::Event(at)) => ring.get(*at),
                Some(Waiting::Lagged(missed)) => {
                    self.missed = self.missed.and(*missed);
                    self.waiting.pop_front();
                    continue;
                }
                None => return take(&mut self.missed).map(Delivery::Lagged),
            };
            let Some(event) = event else {
                self.missed = self.missed.and(Missed::exactly(1));
                self.waiting.pop_front();
                continue;
            };
            if let Some(missed) = take(&mut self.missed) {
                return Some(Delivery::Lagged(missed));
            }
            let event = event.clone();
            self.waiting.pop_front();
            if self.place.advance(event.source, event.number_in(&self.scope)) {
                return Some(Delivery::Event(event));
            }
        }
    }

    /// What is next in the part of the ring that it reads again.
    fn again(&mut self, ring: &Ring) -> Option<Delivery> {
        let Replay { places, left } = self.replay.take()?;
        if places.start < ring.first() {
            // Some of it is gone, and what of it was for this reader can only be told by what is left.
            let places = ring.first()..places.end.max(ring.first());
            let still = self.count(ring, places.clone());
            let missed = left.saturating_sub(still);
            self.replay = Some(Replay { places, left: still });
            if missed > 0 {
                return Some(Delivery::Lagged(Missed::exactly(missed)));
            }
            return self.again(ring);
        }
        let Some((at, event)) = ring.within(places.clone()).find(|(_, event)| self.is_for_it(event)) else {
            // Something was forgotten meanwhile.
            return (left > 0).then_some(Delivery::Lagged(Missed::exactly(left)));
        };
        self.place.advance(event.source, event.number_in(&self.scope));
        self.replay = Some(Replay { places: at + 1..places.end, left: left.saturating_sub(1) });
        Some(Delivery::Event(event.clone()))
    }
}

/// What there is to be told, once.
fn take(missed: &mut Missed) -> Option<Missed> {
    let taken = std::mem::replace(missed, Missed::NONE);
    (!taken.is_none()).then_some(taken)
}
