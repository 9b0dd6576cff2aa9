//! The limiter that instances share: each decision is one script in Redis, which all quotas of a subject go into.
//!
//! The rules are those of `activity_domain::limit`, a ring of 61 slots for each quota with a running total; the script is
//! the same in Lua. A subject is one key with all its rings in one value, so that a decision reads once and writes once, a
//! cluster keeps it on one server, and it goes by itself when nothing counts any more.

use std::sync::Arc;

use activity_domain::error::Degraded;
use activity_domain::limit::{
    Charge, Charges, Decision, Held, Quota, QuotaState, Quotas, Subject, Taken, Verdict,
};
use activity_domain::port::{Clock, RateLimiter};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use fred::types::Value;

use crate::link::{Link, NoAnswer, Script};

mod answer;
mod wish;

use answer::Answer;
pub(crate) use wish::{Back, Handed, Wish};

/// What its keys begin with, unless told otherwise. The number goes up when their values change.
const PREFIX: &str = "activity:limit1:";

/// What time the limiter goes by.
#[derive(Clone)]
pub enum Time {
    /// That of Redis, which is one for all instances.
    Redis,
    /// That of a clock, for tests: at most until the year 2255, where the numbers of Lua end.
    Given(Arc<dyn Clock>),
}

/// A [`RateLimiter`] on Redis. While Redis is out of reach it answers [`Degraded`] to everything.
///
/// # Memory
///
/// In Redis a client with one quota takes about 300 bytes at a limit of 100,000, fewer at lower ones; here nothing.
pub struct RedisLimiter {
    link: Link,
    time: Time,
    prefix: String,
    script: Script,
}

impl RedisLimiter {
    /// What Redis runs for each decision.
    pub const SCRIPT: &str = include_str!("limiter/limiter.lua");

    /// A limiter on what instances share.
    pub fn new(link: Link, time: Time) -> Self {
        Self::with_prefix(link, time, PREFIX)
    }

    /// One that shares nothing with those of other prefixes.
    pub fn with_prefix(link: Link, time: Time, prefix: &str) -> Self {
        let script = Script::new(Self::SCRIPT);
        Self { link, time, prefix: prefix.to_owned(), script }
    }

    /// The braces keep all keys of a subject on one server of a cluster.
    fn key(&self, subject: &Subject) -> String {
        format!("{}{{{subject}}}", self.prefix)
    }

    /// Counts what was taken elsewhere, whatever the limits are.
    pub async fn merge(&self, subject: &Subject, held: &[Held]) -> Result<(), NoAnswer> {
        let mut arguments = vec![Value::from_static_str("merge"), self.time()];
        for Held { name, window, parts } in held {
            arguments.extend([
                name.as_str().into(),
                window.seconds().into(),
                i64::try_from(parts.len()).unwrap_or(0).into(),
            ]);
            for (age, count) in parts {
                arguments.extend([i64::try_from(*age).unwrap_or(i64::MAX).into(), i64::from(*count).into()]);
            }
        }
        self.run(subject, arguments).await.map(|_| ())
    }

    fn time(&self) -> Value {
        match &self.time {
            Time::Redis => Value::from_static_str(""),
            Time::Given(clock) => clock.now().as_micros().into(),
        }
    }

    /// Takes, and is handed tokens for later if the call is admitted.
    pub(crate) async fn take_with(
        &self,
        subject: &Subject,
        charges: &Charges,
        wish: &Wish,
    ) -> Result<(Decision, Handed), Degraded> {
        let all = charges.as_slice();
        let is_impossible = |charge: &Charge| !charge.quota.shadow && count(charge).is_none();
        let impossible = all.iter().position(is_impossible);
        let what = if impossible.is_some() { "peek" } else { "take" };
        let answer = self.decide(what, subject, all.iter().copied(), wish).await?;
        let states = answer.states(all.iter().map(|charge| charge.quota));
        let at = Timestamp::from_micros(answer.counted_at).map_err(|error| Degraded(error.to_string()))?;
        let handed = answer.handed(at);
        if let Some(by) = impossible {
            let verdict = Verdict::Impossible { by };
            return Ok((Decision { verdict, would_refuse: Vec::new(), states }, handed));
        }
        if let Some((by, retry_after_seconds)) = answer.refusal() {
            let verdict = Verdict::Refused { by, retry_after_seconds };
            return Ok((Decision { verdict, would_refuse: Vec::new(), states }, handed));
        }
        let mut taken = Taken::new(at);
        (0..all.len()).filter(|index| answer.has_counted(*index)).for_each(|index| taken.note(index));
        let would_refuse = (0..all.len()).filter(|index| answer.would_refuse(*index)).collect();
        Ok((Decision { verdict: Verdict::Admitted(taken), would_refuse, states }, handed))
    }

    /// Where quotas stand once tokens were given back.
    pub(crate) async fn peek_with(
        &self,
        subject: &Subject,
        quotas: &Quotas,
        back: Option<Back>,
    ) -> Result<Vec<QuotaState>, Degraded> {
        let charges = quotas.as_slice().iter().map(|quota| Charge { quota: *quota, cost: 0 });
        let wish = Wish { back, ..Wish::default() };
        let answer = self.decide("peek", subject, charges, &wish).await?;
        Ok(answer.states(quotas.as_slice().iter().copied()))
    }

    /// Gives back to the part of the window that it was counted in.
    pub(crate) async fn give_back(&self, subject: &Subject, back: &Back) -> Result<(), NoAnswer> {
        let mut arguments = vec![Value::from_static_str("refund"), back.at.as_micros().into()];
        for (name, count) in &back.tokens {
            arguments.extend([Value::from(name.as_str()), i64::from(*count).into()]);
        }
        self.run(subject, arguments).await.map(|_| ())
    }

    /// What time it goes by.
    pub(crate) fn goes_by(&self) -> &Time {
        &self.time
    }

    async fn decide(
        &self,
        what: &'static str,
        subject: &Subject,
        charges: impl ExactSizeIterator<Item = Charge>,
        wish: &Wish,
    ) -> Result<Answer, Degraded> {
        let mut arguments = Vec::with_capacity(5 + 6 * charges.len());
        arguments.extend([Value::from_static_str(what), self.time()]);
        wish.add_to(&mut arguments);
        for (index, charge) in charges.enumerate() {
            let Quota { name, limit, window, shadow } = charge.quota;
            let cost = count(&charge).map_or(-1, i64::from);
            arguments.push(name.as_str().into());
            arguments.extend([
                window.seconds().into(),
                limit.get().into(),
                cost.into(),
                i64::from(shadow).into(),
                wish.of(index).into(),
            ]);
        }
        let numbers: Vec<i64> = self.run(subject, arguments).await?;
        Answer::parse(&numbers).ok_or_else(|| Degraded("Redis answers what the script does not".into()))
    }

    async fn run(&self, subject: &Subject, arguments: Vec<Value>) -> Result<Vec<i64>, NoAnswer> {
        let key = self.key(subject);
        self.link.ask(async |client| self.script.run(client, vec![key], arguments).await).await
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        self.take_with(subject, charges, &Wish::default()).await.map(|(decision, _)| decision)
    }

    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded> {
        let counted = charges.as_slice().iter().enumerate().filter(|(index, _)| taken.has(*index));
        let tokens = counted.filter_map(|(_, charge)| Some((charge.quota.name, count(charge)?)));
        let back = Back { at: taken.at(), tokens: tokens.filter(|(_, count)| *count > 0).collect() };
        Ok(self.give_back(subject, &back).await?)
    }

    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded> {
        self.peek_with(subject, quotas, None).await
    }

    async fn reset(&self, subject: &Subject) -> Result<(), Degraded> {
        self.link.forget(vec![self.key(subject)]).await
    }
}

/// The cost as a count, where it can ever fit into the quota.
fn count(charge: &Charge) -> Option<u32> {
    u32::try_from(charge.cost).ok().filter(|count| *count <= charge.quota.limit.get())
}
