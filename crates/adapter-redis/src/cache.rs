//! The cache of usage that instances share.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | the port, on Redis alone |
//! | `layers` | [`LayeredCache`]: the same with a cache of this process in front |
//! | `codec` | values as bytes, with all that has to be right about them |
//! | `script`, `lease` | of all who miss a value, one computes it |
//! | `doubtful` | leases that may have been given to nobody |
//! | `forgotten` | what was forgotten here |
//! | `books` | what is counted |
//!
//! Redis is trusted with nothing: a value says where the store stood when it was read, and is served only if the store
//! has told of no change since to what it depends on. So it does not matter whether a replica is behind, a primary has
//! lost what it knew, or an instance died before it could say that it changed something.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheStats, CacheValue, Heat, KeyUse, Lifetime, Scope};
use activity_domain::error::Degraded;
use activity_domain::port::{Clock, Lease, Lookup, UsageCache, Wait};
use activity_domain::service::{Following, Stamp};
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use self::books::{Books, Outcome};
use self::codec::Envelope;
use self::doubtful::Doubtful;
use self::forgotten::Forgotten;
use self::lease::{Begun, RedisLease};
use self::script::{Asked, Leases};
use crate::limiter::Time;
use crate::link::Link;
use crate::reader::Reader;

mod books;
mod codec;
mod doubtful;
mod forgotten;
mod layers;
mod lease;
mod script;

pub use layers::{AskedFar, LayeredCache};

/// What its keys begin with, unless told otherwise. The number goes up when their values change.
const PREFIX: &str = "activity:cache1:";
/// Between two looks at what another computes, at first and at last.
const GLANCE: Duration = Duration::from_millis(2);
const GLANCES: Duration = Duration::from_millis(50);
/// Clocks of instances differ so much without harm.
const SKEW: i64 = 10_000_000;
/// Between two entries in the books.
const WRITING: Duration = Duration::from_secs(1);
/// So many values that are no good are looked at; then the caller computes one.
const LOOKS: u32 = 3;

/// How large the cache is and how patient its callers.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// What its keys begin with.
    pub prefix: String,
    /// About how many bytes values may take, in all.
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
    /// 256 MiB, 50,000 values, two seconds, half a minute, by key.
    fn default() -> Self {
        Self {
            prefix: PREFIX.to_owned(),
            max_bytes: 256 << 20,
            max_entries: 50_000,
            patience: Duration::from_secs(2),
            lease: Duration::from_secs(30),
            tracks_keys: true,
        }
    }
}

/// A [`UsageCache`] on Redis. While Redis is out of reach it answers [`Degraded`].
#[derive(Clone)]
pub struct RedisUsageCache {
    shared: Arc<Shared>,
}

struct Shared {
    link: Link,
    reader: Option<Reader>,
    following: Arc<Following>,
    clock: Arc<dyn Clock>,
    options: CacheOptions,
    /// Tells its own values from those of others.
    instance: u64,
    tokens: AtomicU64,
    leases: Leases,
    forgotten: Mutex<Forgotten>,
    doubtful: Doubtful,
    books: Books,
}

/// What was found.
enum Found {
    Fresh(CacheValue, Lifetime),
    Stale(CacheValue, Lifetime),
    Nothing,
}

/// What was found, or whose it is to compute it. Of a value, how long it is still good.
enum Look {
    Fresh(CacheValue, Lifetime),
    Stale(CacheValue, Lifetime),
    Missing(RedisLease),
    Busy,
}

impl RedisUsageCache {
    /// A cache on what instances share. Values are read at the read end, if there is one.
    pub fn new(
        link: Link,
        reader: Option<Reader>,
        following: Arc<Following>,
        clock: Arc<dyn Clock>,
        time: Time,
        options: CacheOptions,
    ) -> Self {
        let shared = Arc::new(Shared {
            link,
            reader,
            following,
            clock,
            instance: RandomState::new().build_hasher().finish(),
            tokens: AtomicU64::new(0),
            leases: Leases::new(&options.prefix, time, options.lease),
            forgotten: Mutex::default(),
            doubtful: Doubtful::default(),
            books: Books::new(&options.prefix),
            options,
        });
        tokio::spawn(write_books(Arc::downgrade(&shared)));
        Self { shared }
    }
}

/// For as long as the cache is there.
async fn write_books(shared: Weak<Shared>) {
    loop {
        sleep(WRITING).await;
        let Some(shared) = shared.upgrade() else { return };
        shared.give_back_doubtful().await;
        if !shared.books.is_empty() {
            // What could not be written waits, as far as there is room.
            let _degraded = shared.write().await;
        }
    }
}

impl Shared {
    fn forgotten(&self) -> MutexGuard<'_, Forgotten> {
        // Nothing panics halfway through a change.
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is known that would be missing from a value. `own` is the sequence of one computed here.
    fn allows(&self, key: &CacheKey, span: Span, stamp: &Stamp, own: Option<u64>) -> bool {
        self.following.holds(stamp, &key.question, span)
            && self.forgotten().allows(&key.question, span, own, self.following.done())
    }

    fn judge(&self, bytes: &[u8], key: &CacheKey, span: Span) -> Found {
        let Some(envelope) = Envelope::decode(bytes, &key.to_string()) else { return Found::Nothing };
        let own = (envelope.instance == self.instance).then_some(envelope.sequence);
        if !self.allows(key, span, &envelope.stamp, own) {
            return Found::Nothing;
        }
        let Lifetime { fresh, stale } = envelope.lifetime;
        // Where a clock was put back, how old it is cannot be told.
        let Some(age) = age(envelope.since, self.clock.now()) else { return Found::Nothing };
        if age < fresh {
            Found::Fresh(envelope.value, Lifetime { fresh: fresh.saturating_sub(age), stale })
        } else if age < fresh + stale {
            let left = (fresh + stale).saturating_sub(age);
            Found::Stale(envelope.value, Lifetime { fresh: Duration::ZERO, stale: left })
        } else {
            Found::Nothing
        }
    }

    /// To be called before a lease is asked for.
    fn begin(&self) -> Result<(Begun, String, Timestamp), Degraded> {
        let sequence = self.forgotten().sequence();
        let stamp = self.following.stamp().ok_or_else(|| Degraded("the store was not asked yet".into()))?;
        let token = format!("{:x}-{}", self.instance, self.tokens.fetch_add(1, Ordering::Relaxed));
        Ok((Begun { stamp, sequence }, token, self.clock.now()))
    }

    /// Looks without counting it.
    async fn look(self: &Arc<Self>, key: &CacheKey, wait: Wait) -> Result<Look, Degraded> {
        let span = key.question.span();
        let mut seen = None;
        if let Some(reader) = &self.reader
            && let Some(bytes) = reader.get(&self.leases.place(key)).await.flatten()
        {
            match self.judge(&bytes, key, span) {
                Found::Fresh(value, life) => return Ok(Look::Fresh(value, life)),
                // The primary may have another one.
                Found::Stale(..) => {}
                Found::Nothing => seen = Some(bytes),
            }
        }
        let until = Instant::now() + self.options.patience;
        let (mut glance, mut looks) = (GLANCE, 0);
        loop {
            let (begun, token, since) = self.begin()?;
            let asked = if looks < LOOKS {
                self.ask(key, &token, seen.as_deref()).await?
            } else {
                self.lease(key, &token).await?
            };
            match asked {
                Asked::Value(bytes) => match self.judge(&bytes, key, span) {
                    Found::Fresh(value, life) => return Ok(Look::Fresh(value, life)),
                    Found::Stale(value, life) => return Ok(Look::Stale(value, life)),
                    Found::Nothing => {
                        seen = Some(bytes);
                        looks += 1;
                    }
                },
                Asked::Yours => return Ok(Look::Missing(self.lend(key, span, token, begun, since))),
                Asked::Busy if wait == Wait::No || Instant::now() >= until => return Ok(Look::Busy),
                Asked::Busy => {
                    sleep(glance.min(until.saturating_duration_since(Instant::now()))).await;
                    glance = (glance * 2).min(GLANCES);
                    looks = 0;
                }
            }
        }
    }

    fn lend(
        self: &Arc<Self>,
        key: &CacheKey,
        span: Span,
        token: String,
        begun: Begun,
        since: Timestamp,
    ) -> RedisLease {
        self.forgotten().lend(key, &token, span);
        RedisLease { shared: self.clone(), key: key.clone(), span, token, begun, since }
    }

    /// The lease of a value that is missing or not fresh after some time from now; or the value, if it is.
    async fn renewal(self: &Arc<Self>, key: &CacheKey, within: Duration) -> Result<Look, Degraded> {
        let span = key.question.span();
        let (begun, token, since) = self.begin()?;
        match self.ask(key, &token, None).await? {
            Asked::Busy => return Ok(Look::Busy),
            Asked::Yours => return Ok(Look::Missing(self.lend(key, span, token, begun, since))),
            Asked::Value(bytes) => {
                if let Found::Fresh(value, life) = self.judge(&bytes, key, span)
                    && life.fresh > within
                {
                    return Ok(Look::Fresh(value, life));
                }
            }
        }
        match self.lease(key, &token).await? {
            Asked::Yours => Ok(Look::Missing(self.lend(key, span, token, begun, since))),
            Asked::Busy | Asked::Value(_) => Ok(Look::Busy),
        }
    }

    fn count(&self, key: &CacheKey, outcome: Outcome) {
        self.books.asked(key, outcome, self.clock.now(), self.options.tracks_keys);
    }

    /// Brings the books up to date, and takes away what there is no room for.
    async fn write(&self) -> Result<CacheStats, Degraded> {
        let (stats, evicted) = self.books.write(&self.link, self.clock.now(), &self.options).await?;
        let mut forgotten = Ok(());
        for key in evicted {
            let place = format!("{}{{{key}}}", self.options.prefix);
            // The books know of none of them any more, so none is passed over.
            forgotten = self.link.forget(vec![place]).await.and(forgotten);
        }
        forgotten.map(|()| stats)
    }
}

/// `None` if `now` is before `since` by more than clocks differ.
fn age(since: Timestamp, now: Timestamp) -> Option<Duration> {
    let micros = now.as_micros() - since.as_micros();
    (micros >= -SKEW).then(|| Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[async_trait]
impl UsageCache for RedisUsageCache {
    async fn get(&self, key: &CacheKey, wait: Wait) -> Result<Lookup, Degraded> {
        let look = self.shared.look(key, wait).await?;
        let (outcome, lookup) = match look {
            Look::Fresh(value, _) => (Outcome::Fresh, Lookup::Fresh(value)),
            Look::Stale(value, _) => (Outcome::Stale, Lookup::Stale(value)),
            Look::Missing(lease) => (Outcome::Missed, Lookup::Missing(Box::new(lease))),
            Look::Busy => (Outcome::Missed, Lookup::Busy),
        };
        self.shared.count(key, outcome);
        Ok(lookup)
    }

    async fn renew(&self, key: &CacheKey, within: Duration) -> Result<Option<Box<dyn Lease>>, Degraded> {
        match self.shared.renewal(key, within).await? {
            Look::Missing(lease) => Ok(Some(Box::new(lease))),
            Look::Fresh(..) | Look::Stale(..) | Look::Busy => Ok(None),
        }
    }

    /// What is covered is not served here any more when this returns, whether Redis can be reached or not; other
    /// instances learn of it from the store.
    async fn forget(&self, scope: &Scope) -> Result<(), Degraded> {
        let shared = &self.shared;
        let void = {
            let (begun, done) = (shared.following.begun(), shared.following.done());
            shared.forgotten().forget(scope, begun, done)
        };
        for (key, out) in void {
            // Others may have it before it ends by itself.
            if shared.leases.release(&shared.link, &key, &out.token).await.is_err() {
                break;
            }
        }
        if *scope == Scope::Everything {
            let _degraded = shared.books.forget_values(&shared.link).await;
        }
        Ok(())
    }

    async fn stats(&self) -> Result<CacheStats, Degraded> {
        self.shared.write().await
    }

    async fn hottest(&self, by: Heat, limit: usize) -> Result<Vec<KeyUse>, Degraded> {
        self.shared.write().await?;
        self.shared.books.hottest(&self.shared.link, by, limit).await
    }
}
