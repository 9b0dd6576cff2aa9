//! The limiter of a single instance, in its own memory; made for production, not only for tests.
//!
//! Subjects are spread over shards, each behind a lock of its own, so that busy ones rarely meet. All
//! quotas of a subject are in one shard: deciding them together takes one lock.

use std::array;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use activity_domain::error::Degraded;
use activity_domain::limit::{Charges, Decision, Held, QuotaState, Quotas, Subject, Taken};
use activity_domain::port::{Clock, LocalLimiter, RateLimiter};
use async_trait::async_trait;

mod shard;

use shard::Shard;

/// Shards for each kind of subject.
const SHARDS: usize = 64;
/// How many subjects of each kind are counted apart, unless told otherwise: 1,792 a shard is what a hash
/// table holds before it grows past 2,048 places.
const ROOM: usize = SHARDS * 1_792;

/// A [`RateLimiter`] that never answers [`Degraded`].
///
/// # Memory
///
/// It counts up to a fixed number of subjects of each kind, and forgets one only when nothing counts for
/// it any more; looking for those is part of taking in new ones. Where no room is left, newcomers are
/// counted **together** until there is, under windows rounded up to powers of two: they may be refused for
/// what others took, and for longer, but nobody ever gets more than a limit, and memory stays bounded.
/// [`RateLimiter::reset`] does nothing for such a newcomer.
/// Each kind has room of its own, so that a flood from unknown networks does not crowd out clients.
pub struct MemoryLimiter {
    clock: Arc<dyn Clock>,
    /// Seeded at random: nobody can choose subjects that all fall into one shard.
    hasher: RandomState,
    clients: [Mutex<Shard>; SHARDS],
    reads: [Mutex<Shard>; SHARDS],
    networks: [Mutex<Shard>; SHARDS],
}

impl MemoryLimiter {
    /// A limiter that has counted nothing, with room for 114,688 subjects of each kind. One with one
    /// quota takes about 440 bytes, and 304 for each more, so 50 MB if all of a kind are there with one;
    /// nothing is set aside before.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_room(clock, ROOM)
    }

    /// A limiter with room for about so many subjects of each kind.
    pub fn with_room(clock: Arc<dyn Clock>, subjects: usize) -> Self {
        let room = subjects.div_ceil(SHARDS).max(1);
        let shards = || array::from_fn(|_| Mutex::new(Shard::with_room(room)));
        let (clients, reads, networks) = (shards(), shards(), shards());
        Self { clock, hasher: RandomState::new(), clients, reads, networks }
    }

    /// How many subjects have counters of their own, idle ones included.
    pub fn subjects(&self) -> usize {
        self.shards().map(|shard| lock(shard).subjects()).sum()
    }

    fn shards(&self) -> impl Iterator<Item = &Mutex<Shard>> {
        self.clients.iter().chain(&self.reads).chain(&self.networks)
    }

    fn shard(&self, subject: &Subject) -> MutexGuard<'_, Shard> {
        let shards = match subject {
            Subject::Client(_) => &self.clients,
            Subject::Reads(_) => &self.reads,
            Subject::Network(_) => &self.networks,
        };
        lock(&shards[(self.hasher.hash_one(subject) % 64) as usize])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing in a shard panics halfway through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        let now = self.clock.now();
        Ok(self.shard(subject).take(subject, charges, now))
    }

    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded> {
        self.shard(subject).refund(subject, charges, &taken);
        Ok(())
    }

    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded> {
        let now = self.clock.now();
        Ok(self.shard(subject).peek(subject, quotas, now))
    }

    async fn reset(&self, subject: &Subject) -> Result<(), Degraded> {
        self.shard(subject).reset(subject);
        Ok(())
    }
}

impl LocalLimiter for MemoryLimiter {
    fn parts(&self) -> usize {
        3 * SHARDS
    }

    fn held(&self, part: usize) -> Vec<(Subject, Vec<Held>)> {
        let now = self.clock.now();
        self.shards().nth(part).map(|shard| lock(shard).held(now)).unwrap_or_default()
    }

    fn drain(&self, part: usize) -> Vec<(Subject, Vec<Held>)> {
        let now = self.clock.now();
        let Some(mut shard) = self.shards().nth(part).map(lock) else { return Vec::new() };
        let held = shard.held(now);
        shard.forget();
        held
    }
}
