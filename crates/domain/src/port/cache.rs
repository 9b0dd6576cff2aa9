//! Answers about usage, kept for a while.

use std::time::Duration;

use async_trait::async_trait;

use crate::cache::{CacheKey, CacheStats, CacheValue, Heat, KeyUse, Lifetime, Scope};
use crate::error::Degraded;

/// Keeps answers about usage, and hands out the right to compute one that is missing.
///
/// # Leases
///
/// A value gets in by a [`Lease`] only. For a key there is at most one at a time, and [`Self::forget`]
/// voids those that it covers. So of many who miss a key at once one computes, and a value that was read
/// from the store before something changed there is never kept after it: whoever changes the store says so
/// **after** its commit, and
///
/// - a value that was read before the commit has a lease from before the `forget`, which voids it;
/// - a value with a lease from after the `forget` was read after the commit.
///
/// A lease that is not used within a while (some seconds) may be given to another; it is void then.
///
/// Every call ends within a few seconds, and trouble is [`Degraded`]: the caller asks the store.
#[async_trait]
pub trait UsageCache: Send + Sync {
    /// The value of a key, or the right to compute it. A forgotten value is never served.
    async fn get(&self, key: &CacheKey, wait: Wait) -> Result<Lookup, Degraded>;

    /// The right to compute a key's value anew, if it is missing or not fresh after some time from now,
    /// and nobody else has that right. Until the new value is there, the old one is served. This counts
    /// as no question.
    async fn renew(&self, key: &CacheKey, within: Duration) -> Result<Option<Box<dyn Lease>>, Degraded>;

    /// Forgets values and voids leases. When it returns, nothing that it covers is served any more, and
    /// whatever is computed with a lease from before is not kept.
    async fn forget(&self, scope: &Scope) -> Result<(), Degraded>;

    /// How it does.
    async fn stats(&self) -> Result<CacheStats, Degraded>;

    /// The hottest keys, hottest first, whether their values are in it or not. Empty where keys are not
    /// tracked.
    async fn hottest(&self, by: Heat, limit: usize) -> Result<Vec<KeyUse>, Degraded>;
}

/// What to do while another caller computes the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Wait for it, for a bounded time.
    Bounded,
    /// Answer at once.
    No,
}

/// What a cache says to a question.
pub enum Lookup {
    /// Here it is.
    Fresh(CacheValue),
    /// Here it is, and it should be computed anew: see [`UsageCache::renew`].
    Stale(CacheValue),
    /// It is not there, and the caller is the one who computes it.
    Missing(Box<dyn Lease>),
    /// It is not there, and somebody else computes it: the caller may do so for itself.
    Busy,
}

/// The right to put in the value of one key. Dropping it gives it to the next who asks.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Puts the value in, if the lease is still good. The value has to come from a reading of the store
    /// that began after the lease was given.
    async fn fill(self: Box<Self>, value: CacheValue, lifetime: Lifetime) -> Result<Filled, Degraded>;
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// It is kept.
    Kept,
    /// The lease was void: it is not kept.
    Void,
    /// It is too large to be kept.
    TooLarge,
}
