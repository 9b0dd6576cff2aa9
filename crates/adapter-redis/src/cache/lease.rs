//! The right to compute a value, held in Redis by a token.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheValue, Lifetime};
use activity_domain::error::Degraded;
use activity_domain::port::{Filled, Lease};
use activity_domain::service::Stamp;
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use async_trait::async_trait;

use super::Shared;
use super::codec::Envelope;

/// A value that is longer is not kept: it would hold up others on the connection.
const MAX_VALUE: usize = 4 << 20;

/// Where the store stood, and what had been forgotten here, before a lease was asked for.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub stamp: Stamp,
    pub sequence: u64,
}

pub(super) struct RedisLease {
    pub shared: Arc<Shared>,
    pub key: CacheKey,
    pub span: Span,
    pub token: String,
    pub begun: Begun,
    pub since: Timestamp,
}

impl RedisLease {
    /// Whether nothing was forgotten since that the value would lack.
    fn is_good(&self) -> bool {
        let Begun { stamp, sequence } = &self.begun;
        self.shared.allows(&self.key, self.span, stamp, Some(*sequence))
    }
}

#[async_trait]
impl Lease for RedisLease {
    async fn fill(self: Box<Self>, value: CacheValue, lifetime: Lifetime) -> Result<Filled, Degraded> {
        let shared = &self.shared;
        let now = shared.clock.now();
        if !self.is_good() {
            return Ok(Filled::Void);
        }
        let envelope = Envelope {
            stamp: self.begun.stamp.clone(),
            instance: shared.instance,
            sequence: self.begun.sequence,
            since: now,
            lifetime,
            value,
        };
        let bytes = envelope.encode(&self.key.to_string());
        if bytes.len() > MAX_VALUE {
            return Ok(Filled::TooLarge);
        }
        let size = bytes.len() as u64;
        let life = lifetime.fresh + lifetime.stale;
        if !shared.leases.fill(&shared.link, &self.key, &self.token, bytes, life).await? {
            return Ok(Filled::Void);
        }
        shared.forgotten().give_back(&self.key, &self.token);
        let micros = now.as_micros().saturating_sub(self.since.as_micros());
        let cost = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        let cost = shared.options.tracks_keys.then_some(cost);
        let ends = now.plus_seconds(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        shared.books.filled(&self.key, cost, ends, size, now);
        Ok(Filled::Kept)
    }
}

impl Drop for RedisLease {
    fn drop(&mut self) {
        // Once it was filled or voided it is not out any more.
        if !self.shared.forgotten().give_back(&self.key, &self.token) {
            return;
        }
        let (shared, key, token) = (self.shared.clone(), self.key.clone(), std::mem::take(&mut self.token));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if shared.leases.release(&shared.link, &key, &token).await.is_err() {
                    shared.doubt(&key, &token);
                }
            });
        }
    }
}
