//! Subjects with leases, and those that may get one.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::limit::Subject;

use super::hand::Hand;
use super::pace::Pace;
use crate::limiter::Back;

/// Subjects are spread over so many parts, each behind a lock of its own.
const SHARDS: usize = 64;
/// So many are known in each.
const ROOM: usize = 64;

/// What is known of a subject.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub pace: Pace,
    pub hand: Option<Hand>,
    /// Whether a call is on its way that brings a lease, or takes one back.
    pub is_asking: bool,
    /// How often it was reset.
    resets: u64,
}

/// What a lease was asked for under.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    epoch: u64,
    resets: u64,
}

impl Entry {
    /// For a lease that is asked for now.
    pub fn ticket(&self, epoch: u64) -> Ticket {
        Ticket { epoch, resets: self.resets }
    }

    fn is_idle(&self, now: i64) -> bool {
        self.hand.is_none() && !self.is_asking && self.pace.is_idle(now)
    }
}

/// Bounded: when it is full, newcomers are not known until others are idle.
pub(super) struct Table {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<Subject, Entry>>>,
    /// How often all leases were let go of.
    epoch: AtomicU64,
}

impl Default for Table {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), shards, epoch: AtomicU64::new(0) }
    }
}

impl Table {
    /// Looks at a subject, which is known from now on if there is room.
    pub fn enter<T>(&self, subject: &Subject, now: i64, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut shard = self.shard(subject);
        if let Some(entry) = shard.get_mut(subject) {
            return Some(look(entry));
        }
        if shard.len() >= ROOM {
            shard.retain(|_, entry| !entry.is_idle(now));
        }
        (shard.len() < ROOM).then(|| look(shard.entry(subject.clone()).or_default()))
    }

    /// Looks at a subject if it is known, and at the present epoch.
    pub fn find<T>(&self, subject: &Subject, look: impl FnOnce(&mut Entry, u64) -> T) -> Option<T> {
        let mut shard = self.shard(subject);
        shard.get_mut(subject).map(|entry| look(entry, self.epoch.load(Ordering::Acquire)))
    }

    /// The call that asked is over. Returns what has to be given back.
    pub fn settle(&self, subject: &Subject, ticket: &Ticket, hand: Option<Hand>) -> Option<Back> {
        self.find(subject, |entry, epoch| {
            entry.is_asking = false;
            if ticket.epoch != epoch {
                // Who is asked now may never have counted it.
                return None;
            }
            if ticket.resets != entry.resets {
                return hand.and_then(Hand::into_back);
            }
            entry.hand = hand;
            None
        })?
    }

    /// Ends the lease of a subject that is reset, and any that is on its way.
    pub fn forget(&self, subject: &Subject) {
        self.find(subject, |entry, _| {
            entry.hand = None;
            entry.resets += 1;
        });
    }

    /// Ends all leases, and those that are on their way.
    pub fn let_go(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for shard in &self.shards {
            lock(shard).values_mut().for_each(|entry| entry.hand = None);
        }
    }

    /// The numbers of its parts.
    pub fn shards(&self) -> Range<usize> {
        0..self.shards.len()
    }

    /// Takes out of a part what is left of leases that have ended.
    pub fn ended(&self, shard: usize, now: i64) -> Vec<(Subject, Back)> {
        let Some(mut shard) = self.shards.get(shard).map(lock) else { return Vec::new() };
        let mut ended = Vec::new();
        for (subject, entry) in shard.iter_mut() {
            if let Some(hand) = entry.hand.take_if(|hand| hand.has_ended(now)) {
                ended.extend(hand.into_back().map(|back| (subject.clone(), back)));
            }
        }
        shard.retain(|_, entry| !entry.is_idle(now));
        ended
    }

    fn shard(&self, subject: &Subject) -> MutexGuard<'_, HashMap<Subject, Entry>> {
        lock(&self.shards[(self.hasher.hash_one(subject) % 64) as usize])
    }
}

fn lock(shard: &Mutex<HashMap<Subject, Entry>>) -> MutexGuard<'_, HashMap<Subject, Entry>> {
    // Nothing in here panics halfway through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use activity_domain::id::ClientId;

    use super::*;

    fn subject(number: usize) -> Subject {
        Subject::Client(ClientId::parse(&format!("CL-{number}")).unwrap())
    }

    #[test]
    fn it_is_bounded_and_has_room_again() {
        let table = Table::default();
        let known = |now| (0..20_000).filter(|n| table.enter(&subject(*n), now, |_| ()).is_some()).count();
        let enter_busy = |n: usize| {
            table.enter(&subject(n), 0, |entry| entry.is_asking = true);
        };
        (0..20_000).for_each(enter_busy);
        let full = known(0);
        assert!((1..=SHARDS * ROOM).contains(&full), "{full}");
        assert_eq!(known(10_000_000), full, "who is asking is not forgotten");
        (0..20_000).for_each(|n| {
            table.find(&subject(n), |entry, _| entry.is_asking = false);
        });
        assert!(table.enter(&subject(20_000), 10_000_000, |_| ()).is_some());
        for shard in table.shards() {
            table.ended(shard, 10_000_000);
        }
        assert_eq!(table.find(&subject(20_000), |_, _| ()), None);
    }

    #[test]
    fn what_was_asked_for_before_is_not_kept() {
        let table = Table::default();
        let ask = || table.enter(&subject(1), 0, |entry| entry.ticket(table.epoch.load(Ordering::Acquire)));
        let ticket = ask().unwrap();
        table.let_go();
        assert_ne!(Some(ticket), ask());
        let ticket = ask().unwrap();
        table.forget(&subject(1));
        assert_ne!(Some(ticket), ask());
        assert_eq!(ask(), ask());
    }
}
