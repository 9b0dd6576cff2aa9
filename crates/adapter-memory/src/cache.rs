//! The cache of usage of a single instance, in its own memory; made for production, not only for tests.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | the port: what is served, waited for, kept and forgotten |
//! | `desk` | who has the lease of which key |
//! | `uses` | how often each key is asked for, and what it costs |
//!
//! A value that is there is served under the read lock of the map alone. Everything that changes what is
//! there happens under the lock of the desk, so that `forget` and `fill` come one after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheStats, CacheValue, Heat, KeyUse, Lifetime, Scope};
use activity_domain::error::Degraded;
use activity_domain::port::{Clock, Filled, Lease, Lookup, UsageCache, Wait};
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::time::{Instant, timeout_at};

use self::desk::{Desk, Held};
use self::uses::{KeyUses, Uses};

mod desk;
mod uses;

/// What a key and the books about it take, besides the value.
const OVERHEAD: u64 = 512;

/// How large the cache is and how patient its callers.
#[derive(Debug, Clone, Copy)]
pub struct CacheOptions {
    /// About how many bytes values may take.
    pub max_bytes: u64,
    /// How many values there may be.
    pub max_entries: u64,
    /// How long a caller waits for what another computes.
    pub patience: Duration,
    /// After what time a lease is given to another.
    pub lease: Duration,
    /// Whether uses are counted by key.
    pub tracks_keys: bool,
}

impl Default for CacheOptions {
    /// 64 MiB, 50,000 values, two seconds, half a minute, by key.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_entries: 50_000,
            patience: Duration::from_secs(2),
            lease: Duration::from_secs(30),
            tracks_keys: true,
        }
    }
}

/// A [`UsageCache`] that never answers [`Degraded`].
pub struct MemoryUsageCache {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    options: CacheOptions,
    entries: Cache<CacheKey, Arc<Entry>, Weigh>,
    desk: Mutex<Desk>,
    uses: Option<Uses>,
    hits: AtomicU64,
    stale: AtomicU64,
    misses: AtomicU64,
}

struct Entry {
    value: CacheValue,
    span: Span,
    weight: u64,
    since: Timestamp,
    lifetime: Lifetime,
    uses: Option<Arc<KeyUses>>,
}

/// How old a value is.
enum Age {
    Fresh,
    Stale,
    Over,
}

impl Entry {
    fn age(&self, now: Timestamp) -> Age {
        match elapsed(self.since, now) {
            Some(age) if age < self.lifetime.fresh => Age::Fresh,
            Some(age) if age < self.lifetime.fresh + self.lifetime.stale => Age::Stale,
            // Where the clock was put back, how old it is cannot be told.
            Some(_) | None => Age::Over,
        }
    }
}

/// Each value weighs so much at least that the bound on bytes is one on their number too.
#[derive(Clone)]
struct Weigh {
    least: u64,
}

impl Weighter<CacheKey, Arc<Entry>> for Weigh {
    fn weight(&self, _: &CacheKey, entry: &Arc<Entry>) -> u64 {
        entry.weight.max(self.least)
    }
}

impl MemoryUsageCache {
    /// An empty cache.
    pub fn new(clock: Arc<dyn Clock>, options: CacheOptions) -> Self {
        let shared = Shared {
            clock,
            options,
            entries: entries(&options),
            desk: Mutex::default(),
            uses: options.tracks_keys.then(Uses::default),
            hits: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }
}

fn entries(options: &CacheOptions) -> Cache<CacheKey, Arc<Entry>, Weigh> {
    let least = options.max_bytes.div_ceil(options.max_entries.max(1)).max(1);
    let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
    let capacity = usize::try_from(options.max_entries).unwrap_or(usize::MAX);
    // One shard: the whole room is there for every value.
    let built = OptionsBuilder::new()
        .shards(1)
        .estimated_items_capacity(capacity)
        .weight_capacity(options.max_bytes)
        .build();
    match built {
        Ok(built) => Cache::with_options(built, Weigh { least }, hasher, lifecycle),
        // Only what was left out is an error; nothing was.
        Err(_) => Cache::with(capacity, options.max_bytes, Weigh { least }, hasher, lifecycle),
    }
}

/// `None` if `now` is before `since`.
fn elapsed(since: Timestamp, now: Timestamp) -> Option<Duration> {
    u64::try_from(now.as_micros() - since.as_micros()).ok().map(Duration::from_micros)
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing panics halfway through a change.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, if it may be served.
    fn serve(&self, key: &CacheKey, now: Timestamp) -> Option<Lookup> {
        let entry = self.entries.get(key)?;
        let lookup = match entry.age(now) {
            Age::Fresh => Lookup::Fresh(entry.value.clone()),
            Age::Stale => Lookup::Stale(entry.value.clone()),
            Age::Over => return None,
        };
        if let Some(uses) = &entry.uses {
            uses.hit(now);
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.stale.fetch_add(u64::from(matches!(lookup, Lookup::Stale(_))), Ordering::Relaxed);
        Some(lookup)
    }

    fn missed(&self, key: &CacheKey, now: Timestamp) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        if let Some(uses) = &self.uses {
            uses.of(key, now).miss(now);
        }
    }

    fn lease(self: &Arc<Self>, key: &CacheKey, number: u64, now: Timestamp) -> Box<dyn Lease> {
        Box::new(MemoryLease { shared: self.clone(), key: key.clone(), number, since: now })
    }

    /// Puts a value in, if its lease is good.
    fn fill(&self, lease: &MemoryLease, value: CacheValue, lifetime: Lifetime) -> Filled {
        let now = self.clock.now();
        let weight = value.weight() + OVERHEAD;
        let uses = self.uses.as_ref().map(|uses| uses.of(&lease.key, now));
        let mut desk = self.desk();
        let Some(held) = desk.give_back(&lease.key, lease.number) else { return Filled::Void };
        if let Some(uses) = &uses {
            uses.took(elapsed(lease.since, now).unwrap_or_default());
        }
        if weight > self.options.max_bytes / 4 {
            return Filled::TooLarge;
        }
        let entry = Entry { value, span: held.span, weight, since: now, lifetime, uses };
        self.entries.insert(lease.key.clone(), Arc::new(entry));
        // Those who wait look again when `held` is gone, and they look under this lock.
        Filled::Kept
    }
}

#[async_trait]
impl UsageCache for MemoryUsageCache {
    async fn get(&self, key: &CacheKey, wait: Wait) -> Result<Lookup, Degraded> {
        let shared = &self.shared;
        let mut patience = None;
        loop {
            let now = shared.clock.now();
            if let Some(found) = shared.serve(key, now) {
                return Ok(found);
            }
            let held = {
                let mut desk = shared.desk();
                // It may have come in since the look above.
                if let Some(found) = shared.serve(key, now) {
                    return Ok(found);
                }
                desk.ask(key, now, shared.options.lease)
            };
            let mut done = match held {
                Held::ByYou(number) => {
                    shared.missed(key, now);
                    return Ok(Lookup::Missing(shared.lease(key, number, now)));
                }
                Held::ByAnother(done) => done,
            };
            let until = *patience.get_or_insert_with(|| Instant::now() + shared.options.patience);
            if wait == Wait::No || timeout_at(until, done.changed()).await.is_err() {
                shared.missed(key, now);
                return Ok(Lookup::Busy);
            }
        }
    }

    async fn renew(&self, key: &CacheKey, within: Duration) -> Result<Option<Box<dyn Lease>>, Degraded> {
        let (shared, now) = (&self.shared, self.shared.clock.now());
        let mut desk = shared.desk();
        let stays_fresh = shared.entries.peek(key).is_some_and(|entry| {
            elapsed(entry.since, now).is_some_and(|age| age + within < entry.lifetime.fresh)
        });
        if stays_fresh {
            return Ok(None);
        }
        match desk.ask(key, now, shared.options.lease) {
            Held::ByYou(number) => Ok(Some(shared.lease(key, number, now))),
            Held::ByAnother(_) => Ok(None),
        }
    }

    async fn forget(&self, scope: &Scope) -> Result<(), Degraded> {
        let mut desk = self.shared.desk();
        if desk.forget(scope) {
            self.shared.entries.retain(|key, entry| !scope.covers(&key.question, entry.span));
        }
        Ok(())
    }

    async fn stats(&self) -> Result<CacheStats, Degraded> {
        let shared = &self.shared;
        Ok(CacheStats {
            hits: shared.hits.load(Ordering::Relaxed),
            stale: shared.stale.load(Ordering::Relaxed),
            misses: shared.misses.load(Ordering::Relaxed),
            entries: shared.entries.len() as u64,
            bytes: shared.entries.weight(),
            max_bytes: shared.options.max_bytes,
        })
    }

    async fn hottest(&self, by: Heat, limit: usize) -> Result<Vec<KeyUse>, Degraded> {
        Ok(self.shared.uses.as_ref().map_or_else(Vec::new, |uses| uses.hottest(by, limit)))
    }
}

struct MemoryLease {
    shared: Arc<Shared>,
    key: CacheKey,
    number: u64,
    since: Timestamp,
}

#[async_trait]
impl Lease for MemoryLease {
    async fn fill(self: Box<Self>, value: CacheValue, lifetime: Lifetime) -> Result<Filled, Degraded> {
        Ok(self.shared.fill(&self, value, lifetime))
    }
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        // Once filled or void it is not on the desk any more, and this does nothing.
        let held = self.shared.desk().give_back(&self.key, self.number);
        drop(held);
    }
}
