//! Leases: an instance is handed tokens of a busy client's quotas in one call to Redis, and spends them by itself.
//!
//! | Module | Holds |
//! |---|---|
//! | this one | [`LeasedLimiter`]: the limiter on Redis with leases in front of it; [`Leases`]: how many tokens, and for whom |
//! | `hand` | the tokens of one subject, until when they are good, and decisions from them |
//! | `pace` | how busy a subject is here |
//! | `table` | the subjects |
//! | `clock` | what time a lease is measured by |
//!
//! Redis counts tokens when they are handed out, in the slot of the ring of that instant. A lease ends with that slot at
//! the latest. So whatever is spent from it is spent in the slot that it is counted in, and the ring of an exact decision,
//! which counts a slot until a window after its end, is right for it as it is. What is left goes back to that slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use activity_domain::error::Degraded;
use activity_domain::limit::{Charges, Decision, Held, QuotaState, Quotas, Subject, Taken};
use activity_domain::port::RateLimiter;
use async_trait::async_trait;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::limiter::{Back, RedisLimiter, Wish};
use crate::link::NoAnswer;

mod clock;
mod hand;
mod pace;
mod table;

use clock::LeaseClock;
use hand::Hand;
use table::Table;

/// Subjects whose tokens are given back at once.
const AT_ONCE: usize = 64;

/// Who gets leases, and how large they are.
#[derive(Debug, Clone, Copy)]
pub struct Leases {
    /// A subject is busy that calls an instance so often within half a second.
    pub busy: u32,
    /// All instances together have at most this percentage of a limit in hand.
    pub percent_in_hand: u32,
    /// Of the last percent of a limit nothing is handed out: there every decision is that of Redis.
    pub percent_kept: u32,
    /// A lease is for what the subject spends in half a second, and for so many tokens at least.
    pub least: u32,
    /// It ends after that time, or earlier: with the slot that it is counted in.
    pub longest: Duration,
    /// How often ended leases are looked for.
    pub sweep: Duration,
}

impl Default for Leases {
    /// From 32 calls a second on; 5 percent; the last tenth of a limit is decided exactly; half a second.
    fn default() -> Self {
        Self {
            busy: 16,
            percent_in_hand: 5,
            percent_kept: 10,
            least: 0,
            longest: Duration::from_millis(500),
            sweep: Duration::from_millis(100),
        }
    }
}

/// A [`RateLimiter`] on Redis that decides for busy subjects by itself as far as it has leases.
///
/// Never more than a limit is admitted in any window, however many instances there are. In return, what others have in hand
/// is missing in what remains, and may be refused.
///
/// # Memory
///
/// It knows up to 4,096 subjects at a time, each in about 600 bytes; others get no leases.
pub struct LeasedLimiter {
    inner: Arc<Inner>,
    sweeping: Option<JoinHandle<()>>,
}

struct Inner {
    remote: RedisLimiter,
    leases: Option<Leases>,
    table: Table,
    clock: LeaseClock,
    /// How many instances have leases of the same limits.
    instances: AtomicU32,
}

/// What Redis is asked for, and when.
struct Asked {
    wish: Wish,
    ticket: table::Ticket,
}

/// Without leases.
impl From<RedisLimiter> for LeasedLimiter {
    fn from(remote: RedisLimiter) -> Self {
        Self { inner: Arc::new(Inner::new(remote, None)), sweeping: None }
    }
}

impl LeasedLimiter {
    /// With leases. Needs a runtime, to give back what is left of them.
    pub fn new(remote: RedisLimiter, leases: Leases) -> Self {
        let inner = Arc::new(Inner::new(remote, Some(leases)));
        let sweeping = tokio::spawn(sweep(inner.clone(), leases.sweep));
        Self { inner, sweeping: Some(sweeping) }
    }

    /// Whether it hands out leases.
    pub fn has_leases(&self) -> bool {
        self.inner.leases.is_some()
    }

    /// Says how many instances there are, so that leases are the smaller.
    pub fn set_instances(&self, instances: u32) {
        self.inner.instances.store(instances.max(1), Ordering::Relaxed);
    }

    /// Decides without Redis, if tokens in hand are enough for the call.
    pub fn in_hand(&self, subject: &Subject, charges: &Charges) -> Option<Decision> {
        self.inner.leases?;
        let now = self.inner.clock.now();
        self.inner.table.enter(subject, now, |entry| {
            entry.pace.note(now, charges);
            entry.hand.as_mut()?.decide(charges, now)
        })?
    }

    /// Has Redis decide. It hands out a lease as well, where the subject is busy.
    pub async fn ask(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        let Some(asked) = self.inner.asked(subject, charges) else {
            return self.inner.remote.take(subject, charges).await;
        };
        let (inner, subject, charges) = (self.inner.clone(), subject.clone(), charges.clone());
        // By itself, so that a caller who goes away does not take the tokens along.
        let asking = tokio::spawn(async move { inner.lease(&subject, &charges, asked).await });
        asking.await.unwrap_or_else(|error| Err(Degraded(error.to_string())))
    }

    /// Lets go of all leases, where those who counted them may have been replaced. They go on counting there.
    pub fn let_go(&self) {
        self.inner.table.let_go();
    }

    /// Counts what was taken elsewhere, whatever the limits are.
    pub async fn merge(&self, subject: &Subject, held: &[Held]) -> Result<(), NoAnswer> {
        self.inner.remote.merge(subject, held).await
    }
}

impl Drop for LeasedLimiter {
    fn drop(&mut self) {
        if let Some(sweeping) = &self.sweeping {
            sweeping.abort();
        }
    }
}

impl Inner {
    fn new(remote: RedisLimiter, leases: Option<Leases>) -> Self {
        let clock = LeaseClock::from(remote.goes_by());
        Self { remote, leases, table: Table::default(), clock, instances: AtomicU32::new(1) }
    }

    /// What there is to ask for besides a decision. One call of a subject asks at a time.
    fn asked(&self, subject: &Subject, charges: &Charges) -> Option<Asked> {
        let leases = self.leases?;
        let now = self.clock.now();
        self.table.find(subject, |entry, epoch| {
            if entry.is_asking {
                return None;
            }
            let back = entry.hand.take().and_then(Hand::into_back);
            let is_busy = entry.pace.calls(now) >= leases.busy;
            let tokens =
                if is_busy { self.wanted(leases, charges, &entry.pace.spent(now)) } else { Vec::new() };
            if back.is_none() && tokens.iter().all(|tokens| *tokens == 0) {
                return None;
            }
            entry.is_asking = true;
            let wish = Wish { tokens, kept_percent: leases.percent_kept, back };
            Some(Asked { wish, ticket: entry.ticket(epoch) })
        })?
    }

    /// What it spends in half a second, and no more of a limit than an instance may have in hand.
    fn wanted(&self, leases: Leases, charges: &Charges, spent: &[u64; Charges::MAX]) -> Vec<u32> {
        let parts = 100 * u64::from(self.instances.load(Ordering::Relaxed));
        let wanted = charges.as_slice().iter().zip(spent).map(|(charge, spent)| {
            let most = u64::from(charge.quota.limit.get()) * u64::from(leases.percent_in_hand) / parts;
            u32::try_from((*spent).max(leases.least.into()).min(most)).unwrap_or(0)
        });
        wanted.collect()
    }

    async fn lease(&self, subject: &Subject, charges: &Charges, asked: Asked) -> Result<Decision, Degraded> {
        let begun = self.clock.now();
        let answer = self.remote.take_with(subject, charges, &asked.wish).await;
        let ended = self.clock.now();
        let hand = match (&answer, self.leases) {
            (Ok((decision, handed)), Some(Leases { longest, .. })) => {
                Hand::new(&decision.states, handed, begun..ended, longest)
            }
            _ => None,
        };
        if let Some(back) = self.table.settle(subject, &asked.ticket, hand) {
            // What cannot be given back leaves the window by itself.
            let _ = self.remote.give_back(subject, &back).await;
        }
        let (mut decision, handed) = answer?;
        for (state, (tokens, _)) in decision.states.iter_mut().zip(&handed.quotas) {
            state.remaining += tokens;
        }
        Ok(decision)
    }

    /// Ends the lease of a subject. Returns what is left of it.
    fn end(&self, subject: &Subject) -> Option<Back> {
        self.leases?;
        self.table.find(subject, |entry, _| entry.hand.take().and_then(Hand::into_back))?
    }
}

#[async_trait]
impl RateLimiter for LeasedLimiter {
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        match self.in_hand(subject, charges) {
            Some(decision) => Ok(decision),
            None => self.ask(subject, charges).await,
        }
    }

    /// The lease ends with it: what it says remains would no longer be true.
    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded> {
        if let Some(back) = self.inner.end(subject) {
            // What cannot be given back leaves the window by itself.
            let _ = self.inner.remote.give_back(subject, &back).await;
        }
        self.inner.remote.refund(subject, charges, taken).await
    }

    /// The lease ends with it, so that only what others have in hand is missing.
    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded> {
        let back = self.inner.end(subject);
        self.inner.remote.peek_with(subject, quotas, back).await
    }

    /// Leases of other instances go on until they end; they were counted before.
    async fn reset(&self, subject: &Subject) -> Result<(), Degraded> {
        self.inner.table.forget(subject);
        let done = self.inner.remote.reset(subject).await;
        // What was handed out meanwhile may be forgotten too.
        self.inner.table.forget(subject);
        done
    }
}

/// Gives back for ever what is left of leases that nobody uses any more.
async fn sweep(inner: Arc<Inner>, every: Duration) {
    loop {
        sleep(every).await;
        let now = inner.clock.now();
        for shard in inner.table.shards() {
            let mut ended = inner.table.ended(shard, now);
            while !ended.is_empty() {
                let mut giving = JoinSet::new();
                for (subject, back) in ended.drain(..ended.len().min(AT_ONCE)) {
                    let inner = inner.clone();
                    giving.spawn(async move { inner.remote.give_back(&subject, &back).await });
                }
                // What cannot be given back leaves the window by itself.
                while giving.join_next().await.is_some() {}
            }
        }
    }
}
