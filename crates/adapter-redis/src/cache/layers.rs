//! A cache of this process in front of the one that instances share.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheStats, CacheValue, Heat, KeyUse, Lifetime, Scope};
use activity_domain::counting::Counter;
use activity_domain::error::Degraded;
use activity_domain::port::{Filled, Lease, Lookup, UsageCache, Wait};
use async_trait::async_trait;

use super::books::Outcome;
use super::{Look, RedisUsageCache};

/// Answers from this process where it has them, else from Redis, which then fills the one here. While Redis is out of
/// reach it goes on with the one here.
///
/// Whoever follows the store makes the near cache forget what changes; values that come from afar are judged by the
/// same knowledge before they get in.
pub struct LayeredCache {
    near: Arc<dyn UsageCache>,
    far: RedisUsageCache,
    asked: Arc<AskedFar>,
}

/// What this process has asked Redis for, since the start.
#[derive(Debug, Default)]
pub struct AskedFar {
    /// Questions that it could answer.
    pub hits: Counter,
    /// Questions that it could not answer.
    pub misses: Counter,
}

impl LayeredCache {
    /// The near one is to be the one that the far one's [`Following`](activity_domain::service::Following) knows.
    pub fn new(near: Arc<dyn UsageCache>, far: RedisUsageCache) -> Self {
        Self { near, far, asked: Arc::default() }
    }

    /// What is asked of Redis, counted; stays readable.
    pub fn asked(&self) -> Arc<AskedFar> {
        self.asked.clone()
    }

    fn count(&self, key: &CacheKey, outcome: Outcome) {
        self.far.shared.count(key, outcome);
    }

    /// Asks Redis for what is missing here. The near lease is from before: if something is forgotten meanwhile, what
    /// comes from afar is not kept here.
    async fn ask_far(&self, key: &CacheKey, wait: Wait, near: Box<dyn Lease>) -> (Outcome, Lookup) {
        match self.far.shared.look(key, wait).await {
            Ok(Look::Fresh(value, life)) => {
                keep(near, &value, life).await;
                (Outcome::Fresh, Lookup::Fresh(value))
            }
            Ok(Look::Stale(value, life)) => {
                keep(near, &value, life).await;
                (Outcome::Stale, Lookup::Stale(value))
            }
            Ok(Look::Missing(lease)) => {
                let far: Option<Box<dyn Lease>> = Some(Box::new(lease));
                (Outcome::Missed, Lookup::Missing(Box::new(Both { near, far })))
            }
            // Another instance is at it for too long, or Redis is lost: here, one computes it.
            Ok(Look::Busy) | Err(_) => (Outcome::Missed, Lookup::Missing(Box::new(Both { near, far: None }))),
        }
    }
}

async fn keep(near: Box<dyn Lease>, value: &CacheValue, life: Lifetime) {
    // If it is not kept, the next who asks gets it from afar again.
    let _filled = near.fill(value.clone(), life).await;
}

#[async_trait]
impl UsageCache for LayeredCache {
    async fn get(&self, key: &CacheKey, wait: Wait) -> Result<Lookup, Degraded> {
        let (outcome, lookup) = match self.near.get(key, wait).await? {
            Lookup::Missing(near) => {
                let (outcome, lookup) = self.ask_far(key, wait, near).await;
                match outcome {
                    Outcome::Missed => self.asked.misses.add(),
                    Outcome::Fresh | Outcome::Stale => self.asked.hits.add(),
                }
                (outcome, lookup)
            }
            Lookup::Busy => (Outcome::Missed, Lookup::Busy),
            found @ Lookup::Fresh(_) => (Outcome::Fresh, found),
            found @ Lookup::Stale(_) => (Outcome::Stale, found),
        };
        self.count(key, outcome);
        Ok(lookup)
    }

    async fn renew(&self, key: &CacheKey, within: Duration) -> Result<Option<Box<dyn Lease>>, Degraded> {
        let Some(near) = self.near.renew(key, within).await? else { return Ok(None) };
        match self.far.shared.renewal(key, within).await {
            Ok(Look::Missing(lease)) => Ok(Some(Box::new(Both { near, far: Some(Box::new(lease)) }))),
            Ok(Look::Fresh(value, life) | Look::Stale(value, life)) => {
                keep(near, &value, life).await;
                Ok(None)
            }
            Ok(Look::Busy) => Ok(None),
            Err(_) => Ok(Some(Box::new(Both { near, far: None }))),
        }
    }

    /// From afar first: what gets in here afterwards has been judged by it.
    async fn forget(&self, scope: &Scope) -> Result<(), Degraded> {
        let far = self.far.forget(scope).await;
        self.near.forget(scope).await?;
        far
    }

    /// That of all instances, or of this one while Redis is lost.
    async fn stats(&self) -> Result<CacheStats, Degraded> {
        match self.far.stats().await {
            Ok(stats) => Ok(stats),
            Err(_) => self.near.stats().await,
        }
    }

    async fn hottest(&self, by: Heat, limit: usize) -> Result<Vec<KeyUse>, Degraded> {
        match self.far.hottest(by, limit).await {
            Ok(hottest) => Ok(hottest),
            Err(_) => self.near.hottest(by, limit).await,
        }
    }
}

/// The right to compute a value for both.
struct Both {
    near: Box<dyn Lease>,
    far: Option<Box<dyn Lease>>,
}

#[async_trait]
impl Lease for Both {
    async fn fill(self: Box<Self>, value: CacheValue, lifetime: Lifetime) -> Result<Filled, Degraded> {
        let Self { near, far } = *self;
        // Those who wait here have it at once.
        let kept = near.fill(value.clone(), lifetime).await?;
        match far {
            Some(far) if kept != Filled::Void => match far.fill(value, lifetime).await {
                Ok(Filled::Void) => Ok(Filled::Void),
                // If nobody else has it then, that is no trouble of the caller.
                Ok(_) | Err(_) => Ok(kept),
            },
            _ => Ok(kept),
        }
    }
}
