//! A limiter that is exact while Redis answers, and goes on with less while it does not.
//!
//! While Redis is lost each instance decides alone, within its share of every limit: `max(1, floor(limit / n))` where `n` is
//! how many instances there were when Redis was last asked. What it admits then is brought to Redis when that is back, before
//! decisions of Redis are believed again. Where what answers has another history of data (it has started anew, or a replica
//! has taken over and may lack the newest), each instance brings all that it has admitted in the window.
//!
//! Leases in hand are good until they end, with Redis or without it: Redis has counted them. Another contact ends them all,
//! because whoever answers then may not have.
//!
//! So what is admitted in any window is at most `limit + n * max(1, floor(limit / n))`, in which `limit` is what was admitted
//! before the loss, by Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use activity_domain::client::RateLimit;
use activity_domain::counting::Counter;
use activity_domain::error::Degraded;
use activity_domain::limit::{Charge, Charges, Decision, Quota, QuotaState, Quotas, Subject, Taken, Verdict};
use activity_domain::port::{LocalLimiter, RateLimiter};
use async_trait::async_trait;
use tokio::task::JoinHandle;

use crate::leases::LeasedLimiter;
use crate::link::Link;

mod heartbeat;
mod returning;

/// When a call may be repeated that is too much for an instance alone, in seconds: Redis is often back by then.
const LATER: u64 = 5;

/// What an instance does while it has no Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutRedis {
    /// It spends its share of each limit.
    Share,
    /// It spends the whole of each limit: nobody is refused who would not be otherwise, and others get more.
    Full,
    /// It admits nothing.
    Closed,
}

/// Limiters of this instance alone.
pub struct Locals {
    /// Counts all that is admitted here, and decides while Redis is lost.
    pub all: Arc<dyn LocalLimiter>,
    /// Counts what Redis does not know yet.
    pub unknown: Arc<dyn LocalLimiter>,
}

/// A [`RateLimiter`] on Redis and on limiters of its own. It never answers [`Degraded`] to anything but a reset.
pub struct SharedLimiter {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    link: Link,
    remote: LeasedLimiter,
    locals: Locals,
    mode: WithoutRedis,
    /// How many instances there were when Redis was last asked.
    instances: AtomicU32,
    /// The contact with Redis that knows all that was admitted here before it.
    trusted: AtomicU64,
    decided: Decided,
}

/// Who has decided how often, since the start.
#[derive(Debug, Default)]
pub struct Decided {
    /// Redis.
    pub by_redis: Counter,
    /// This instance, from what Redis had handed out.
    pub by_lease: Counter,
    /// This instance alone, while Redis was lost.
    pub alone: Counter,
}

/// How limits are decided on at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By Redis, which hands out leases to busy clients if this is true.
    Shared(bool),
    /// By this instance alone.
    Alone(WithoutRedis),
}

impl SharedLimiter {
    /// Goes on in the background to look after what Redis has to know. Needs a runtime.
    pub fn new(link: Link, remote: impl Into<LeasedLimiter>, locals: Locals, mode: WithoutRedis) -> Self {
        let remote = remote.into();
        let (instances, trusted) = (AtomicU32::new(1), AtomicU64::new(0));
        let decided = Decided::default();
        let inner = Arc::new(Inner { link, remote, locals, mode, instances, trusted, decided });
        let task = tokio::spawn(returning::run(inner.clone()));
        Self { inner, task }
    }

    /// Whether decisions are those of Redis at the moment.
    pub fn is_exact(&self) -> bool {
        self.inner.trusts_redis()
    }

    /// How decisions are made at the moment.
    pub fn mode(&self) -> Mode {
        if self.is_exact() {
            Mode::Shared(self.inner.remote.has_leases())
        } else {
            Mode::Alone(self.inner.mode)
        }
    }

    /// Who has decided how often.
    pub fn decided(&self) -> &Decided {
        &self.inner.decided
    }

    /// How many instances share the limits, as far as is known here.
    pub fn instances(&self) -> u32 {
        self.inner.instances.load(Ordering::Relaxed)
    }
}

impl Drop for SharedLimiter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inner {
    fn trusts_redis(&self) -> bool {
        self.link.contact() == Some(self.trusted.load(Ordering::Acquire))
    }

    /// What this instance may spend of a limit while it is alone.
    fn share(&self, quota: Quota) -> Quota {
        let limit = match self.mode {
            WithoutRedis::Full => return quota,
            WithoutRedis::Share => quota.limit.get() / self.instances.load(Ordering::Relaxed).max(1),
            WithoutRedis::Closed => 1,
        };
        Quota { limit: RateLimit::parse(limit.max(1).into()).unwrap_or(quota.limit), ..quota }
    }

    async fn take_alone(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        if let Some(refused) = self.refuse_if_closed(charges) {
            return Ok(refused);
        }
        let shares = with_quotas(charges, |quota| self.share(quota));
        let Decision { verdict, would_refuse, states } = self.locals.all.take(subject, &shares).await?;
        let verdict = match verdict {
            Verdict::Admitted(taken) => {
                if let Some(counted) = counted(charges, &taken) {
                    self.locals.unknown.take(subject, &counted).await?;
                }
                Verdict::Admitted(taken.alone())
            }
            // It is too much for a share, and not for the limit.
            Verdict::Impossible { by } => match impossible(charges) {
                Some(by) => Verdict::Impossible { by },
                None => Verdict::Refused { by, retry_after_seconds: LATER },
            },
            refused @ Verdict::Refused { .. } => refused,
        };
        let quotas = charges.as_slice().iter().map(|charge| charge.quota);
        Ok(Decision { verdict, would_refuse, states: of_quotas(states, quotas) })
    }

    fn refuse_if_closed(&self, charges: &Charges) -> Option<Decision> {
        if self.mode != WithoutRedis::Closed {
            return None;
        }
        let all = charges.as_slice();
        let verdict = if let Some(by) = impossible(charges) {
            Verdict::Impossible { by }
        } else {
            let by = all.iter().position(|charge| charge.cost > 0 && !charge.quota.shadow)?;
            Verdict::Refused { by, retry_after_seconds: LATER }
        };
        let states = all.iter().map(|charge| empty(charge.quota)).collect();
        Some(Decision { verdict, would_refuse: Vec::new(), states })
    }

    /// Counts here too what Redis has admitted.
    async fn note(&self, subject: &Subject, charges: &Charges, decision: &Decision) -> Result<(), Degraded> {
        let Verdict::Admitted(taken) = &decision.verdict else { return Ok(()) };
        match counted(charges, taken) {
            Some(counted) => self.locals.all.take(subject, &counted).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl RateLimiter for SharedLimiter {
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        let trusts_redis = self.inner.trusts_redis();
        if (trusts_redis || self.inner.mode != WithoutRedis::Closed)
            && let Some(decision) = self.inner.remote.in_hand(subject, charges)
        {
            self.inner.decided.by_lease.add();
            self.inner.note(subject, charges, &decision).await?;
            return Ok(decision);
        }
        if trusts_redis && let Ok(decision) = self.inner.remote.ask(subject, charges).await {
            self.inner.decided.by_redis.add();
            self.inner.note(subject, charges, &decision).await?;
            return Ok(decision);
        }
        self.inner.decided.alone.add();
        self.inner.take_alone(subject, charges).await
    }

    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded> {
        if !taken.is_alone() {
            // Here it goes on counting until it leaves the window: an instance that is alone is careful.
            return self.inner.remote.refund(subject, charges, taken).await;
        }
        let Some(counted) = counted(charges, &taken) else { return Ok(()) };
        let again = || {
            let mut again = Taken::new(taken.at());
            (0..counted.as_slice().len()).for_each(|index| again.note(index));
            again
        };
        // What Redis knows by now stays there.
        self.inner.locals.unknown.refund(subject, &counted, again()).await?;
        self.inner.locals.all.refund(subject, &counted, again()).await
    }

    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded> {
        if self.inner.trusts_redis()
            && let Ok(states) = self.inner.remote.peek(subject, quotas).await
        {
            return Ok(states);
        }
        let all = quotas.as_slice();
        if self.inner.mode == WithoutRedis::Closed {
            return Ok(all.iter().map(|quota| empty(*quota)).collect());
        }
        let shares = Quotas::parse(all.iter().map(|quota| self.inner.share(*quota)).collect());
        let shares = shares.map_err(|error| Degraded(error.to_string()))?;
        Ok(of_quotas(self.inner.locals.all.peek(subject, &shares).await?, all.iter().copied()))
    }

    async fn reset(&self, subject: &Subject) -> Result<(), Degraded> {
        self.inner.locals.all.reset(subject).await?;
        self.inner.locals.unknown.reset(subject).await?;
        self.inner.remote.reset(subject).await
    }
}

/// The index of the first charge that is above the whole limit.
fn impossible(charges: &Charges) -> Option<usize> {
    let is_it = |charge: &Charge| !charge.quota.shadow && charge.cost > charge.quota.limit.get().into();
    charges.as_slice().iter().position(is_it)
}

/// What was counted of a call, as charges that are always admitted.
fn counted(charges: &Charges, taken: &Taken) -> Option<Charges> {
    let all = charges.as_slice().iter().enumerate();
    let counted =
        all.filter(|(index, charge)| taken.has(*index) && charge.cost > 0).map(|(_, charge)| *charge);
    let counted = Charges::parse(counted.collect()).ok()?;
    let most = RateLimit::parse(1_000_000_000).ok()?;
    Some(with_quotas(&counted, |quota| Quota { limit: most, shadow: false, ..quota }))
}

/// The same charges of other quotas, which have the same names.
fn with_quotas(charges: &Charges, other: impl Fn(Quota) -> Quota) -> Charges {
    let others = charges.as_slice().iter().map(|charge| Charge { quota: other(charge.quota), ..*charge });
    Charges::parse(others.collect()).unwrap_or_else(|_| charges.clone())
}

/// States of shares as those of whole quotas.
fn of_quotas(states: Vec<QuotaState>, quotas: impl Iterator<Item = Quota>) -> Vec<QuotaState> {
    states.into_iter().zip(quotas).map(|(state, quota)| QuotaState { quota, ..state }).collect()
}

/// Nothing may be taken, and nobody knows until when.
fn empty(quota: Quota) -> QuotaState {
    QuotaState { quota, remaining: 0, reset_seconds: 0 }
}
