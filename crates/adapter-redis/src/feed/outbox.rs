//! What waits to be sent, bounded: of what is too much, the oldest goes, and others see by the numbers that it did.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use activity_domain::live::{Hint, LiveEvent};
use activity_domain::port::{News, Sign};
use tokio::sync::Notify;

const MAX_EVENTS: usize = 16_384;
const MAX_BYTES: usize = 16 << 20;
const MAX_HINTS: usize = 4_096;
/// What one message has of them: a few at a time, so that no message is large.
const MESSAGE_EVENTS: usize = 256;
const MESSAGE_BYTES: usize = 128 << 10;

/// What is to be sent next.
#[derive(Debug)]
pub struct Parcel {
    /// Whose the events are, and how far it has come with them.
    pub sign: Option<Sign>,
    pub events: News,
    pub hints: Vec<Hint>,
}

impl Parcel {
    /// How much it has.
    pub fn len(&self) -> u64 {
        (self.events.len() + self.hints.len()) as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<LiveEvent>>,
    bytes: usize,
    hints: HashSet<Hint>,
    /// How far the source has come with all that waits.
    sign: Option<Sign>,
}

pub struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

impl Outbox {
    pub fn new() -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics halfway through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is published, which happens in here: in the order of its numbers. Says how many there was no room
    /// for.
    pub fn add(&self, publish: impl FnOnce() -> (News, Sign)) -> u64 {
        let mut waiting = self.waiting();
        let (news, sign) = publish();
        waiting.sign = Some(sign);
        for event in news {
            waiting.bytes += event.weight();
            waiting.events.push_back(event);
        }
        let dropped = waiting.fit();
        self.wake.notify_one();
        dropped
    }

    /// Adds hints; says how many there was no room for.
    pub fn hint(&self, hints: &[Hint]) -> u64 {
        let mut waiting = self.waiting();
        let mut dropped = 0;
        for hint in hints {
            if waiting.hints.len() < MAX_HINTS {
                waiting.hints.insert(hint.clone());
            } else {
                dropped += u64::from(!waiting.hints.contains(hint));
            }
        }
        self.wake.notify_one();
        dropped
    }

    /// Waits for something to be added.
    pub async fn added(&self) {
        self.wake.notified().await;
    }

    /// What is to be sent next, which may be nothing but a sign of life.
    pub fn take(&self) -> Parcel {
        self.waiting().take()
    }

    /// Takes back what could not be sent; says how much there is no room for any more.
    pub fn put_back(&self, parcel: Parcel) -> u64 {
        let mut waiting = self.waiting();
        for event in parcel.events.into_iter().rev() {
            waiting.bytes += event.weight();
            waiting.events.push_front(event);
        }
        waiting.hints.extend(parcel.hints);
        waiting.fit()
    }
}

impl Waiting {
    /// Drops what is too much.
    fn fit(&mut self) -> u64 {
        let mut dropped = 0;
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    fn pop(&mut self) -> Option<Arc<LiveEvent>> {
        let event = self.events.pop_front()?;
        self.bytes -= event.weight();
        Some(event)
    }

    fn take(&mut self) -> Parcel {
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(event) = self.events.front() {
            let is_same = events.first().is_none_or(|first: &Arc<LiveEvent>| first.source == event.source);
            if !is_same || events.len() >= MESSAGE_EVENTS || bytes >= MESSAGE_BYTES {
                break;
            }
            bytes += event.weight();
            events.extend(self.pop());
        }
        Parcel { sign: self.sign_of(&events), events, hints: self.hints.drain().collect() }
    }

    /// How far the source of these events has come with them.
    fn sign_of(&self, events: &[Arc<LiveEvent>]) -> Option<Sign> {
        let sign = self.sign?;
        match events.last() {
            // What was skipped behind the last of them is known too.
            Some(last) if last.source == sign.source && self.events.is_empty() => Some(sign),
            // An earlier source may be as old as can be.
            Some(last) => Some(Sign { source: last.source, number: last.number, ..sign }),
            None => Some(sign),
        }
    }
}
