//! What each kind of caller may spend, and on what.

use std::net::IpAddr;
use std::sync::Arc;

use self::counts::Counters;
pub use self::counts::{LimitCounts, Spending, SpendingCounts};
use super::Caller;
use crate::activity::{Activity, Endpoint};
use crate::client::{Client, EndpointPrefix, RateLimit, Role};
use crate::limit::{
    Charge, Charges, Decision, Quota, QuotaName, QuotaState, Quotas, Subject, Taken, Verdict, Window,
};
use crate::port::RateLimiter;

mod counts;

/// Which limits there are.
#[derive(Debug, Clone, Copy)]
pub struct LimitPolicy {
    /// The window of a client's own limit for events.
    pub window: Window,
    /// Requests that read, per minute and client.
    pub reads_per_minute: RateLimit,
    /// Open registrations, per hour and network.
    pub registrations_per_hour: RateLimit,
    /// Failed authentications, per minute and network.
    pub failures_per_minute: RateLimit,
}

/// An admitted call: where its quotas stand, and what it may get back.
#[derive(Debug, Default)]
pub struct Spent {
    /// Where the quotas stand now that it was charged for, shadow ones left out.
    pub states: Vec<QuotaState>,
    /// Shadow quotas that would have refused it.
    pub would_refuse: Vec<QuotaName>,
    from: Option<(Subject, Charges, Taken)>,
}

/// Why a call is not admitted.
#[derive(Debug)]
pub enum Limited {
    /// Not now.
    Later {
        /// Where the quotas stand that it would have been charged for, shadow ones left out.
        states: Vec<QuotaState>,
        /// The quota that refuses; of several, the one that takes longest.
        by: QuotaName,
        /// After so many seconds the same call is admitted, by all of them.
        retry_after_seconds: u64,
    },
    /// Never: it costs more than the whole limit of this quota.
    Never(Quota),
}

/// Spends quotas. Services and admins are not limited. A limiter in trouble admits: its trouble is
/// never the caller's.
pub struct Limits {
    limiter: Arc<dyn RateLimiter>,
    policy: LimitPolicy,
    counters: Counters,
}

impl Limits {
    /// Limits over a limiter.
    pub fn new(limiter: Arc<dyn RateLimiter>, policy: LimitPolicy) -> Self {
        Self { limiter, policy, counters: Counters::default() }
    }

    /// What was decided so far.
    pub fn counts(&self) -> LimitCounts {
        self.counters.now()
    }

    /// Recording activities of the caller, all or nothing: each costs one of every limit that its
    /// endpoint falls under.
    pub async fn record(&self, caller: &Caller, activities: &[Activity]) -> Result<Spent, Limited> {
        let endpoints = || activities.iter().map(|activity| &activity.endpoint);
        self.spend(caller, activities.len(), |prefix| endpoints().filter(|e| prefix.matches(e)).count()).await
    }

    /// Calling once, at an endpoint if it is known: without one, limits of endpoints do not count.
    pub async fn call(&self, caller: &Caller, endpoint: Option<&Endpoint>) -> Result<Spent, Limited> {
        let hits = |prefix: &EndpointPrefix| usize::from(endpoint.is_some_and(|e| prefix.matches(e)));
        self.spend(caller, 1, hits).await
    }

    /// Reading once.
    pub async fn read(&self, caller: &Caller) -> Result<Spent, Limited> {
        if caller.role() != Role::Client {
            return Ok(Spent::default());
        }
        let (limit, window) = (self.policy.reads_per_minute, Window::MINUTE);
        let quota = Quota { name: QuotaName::READS, limit, window, shadow: false };
        let subject = Subject::Reads(caller.client.id.clone());
        self.take(Spending::Reads, subject, Charge { quota, cost: 1 }.into()).await
    }

    /// Registering without being known, from an address.
    pub async fn register(&self, from: IpAddr) -> Result<Spent, Limited> {
        let (limit, window) = (self.policy.registrations_per_hour, Window::HOUR);
        let quota = Quota { name: QuotaName::REGISTRATIONS, limit, window, shadow: false };
        let charge = Charge { quota, cost: 1 };
        self.take(Spending::Registrations, Subject::address(from), charge.into()).await
    }

    /// Whether a key from an address may be looked up. Only failures are counted, so that any number of
    /// good keys may be looked up at once.
    pub async fn may_present(&self, from: IpAddr) -> Result<(), Limited> {
        let states = self.limiter.peek(&Subject::address(from), &self.failures().into()).await;
        match states {
            // Taking is refused, and says for how long.
            Ok(states) if states.iter().any(|state| state.remaining == 0) => {
                self.failed(from).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// A failed authentication from an address.
    pub async fn failed(&self, from: IpAddr) -> Result<Spent, Limited> {
        let charge = Charge { quota: self.failures(), cost: 1 };
        self.take(Spending::Authentications, Subject::address(from), charge.into()).await
    }

    fn failures(&self) -> Quota {
        let (name, limit) = (QuotaName::FAILED_AUTHENTICATIONS, self.policy.failures_per_minute);
        Quota { name, limit, window: Window::MINUTE, shadow: false }
    }

    /// Gives back what a call spent that then could not be served.
    pub async fn refund(&self, spent: Spent) {
        if let Some((subject, charges, taken)) = spent.from
            && let Err(_degraded) = self.limiter.refund(&subject, &charges, taken).await
        {
            // What cannot be given back leaves the window by itself.
        }
    }

    /// Where a client's quotas for events stand: `default` first, then its `limits` in their order.
    /// `None` while the limiter cannot say.
    pub async fn state(&self, client: &Client) -> Option<Vec<QuotaState>> {
        let quotas = Quotas::from(&self.charges(client, 0, |_| 0));
        self.limiter.peek(&Self::of(client), &quotas).await.ok()
    }

    /// Forgets what a client has spent on events. False while the limiter cannot.
    pub async fn reset(&self, client: &Client) -> bool {
        self.limiter.reset(&Self::of(client)).await.is_ok()
    }

    fn of(client: &Client) -> Subject {
        Subject::Client(client.id.clone())
    }

    async fn spend(
        &self,
        caller: &Caller,
        events: usize,
        hits: impl Fn(&EndpointPrefix) -> usize,
    ) -> Result<Spent, Limited> {
        if caller.role() != Role::Client || events == 0 {
            return Ok(Spent::default());
        }
        let charges = self.charges(&caller.client, events, hits);
        self.take(Spending::Events, Self::of(&caller.client), charges).await
    }

    /// All quotas of a client, with what they are charged for so many events; `hits` counts those that
    /// a prefix matches.
    fn charges(&self, client: &Client, events: usize, hits: impl Fn(&EndpointPrefix) -> usize) -> Charges {
        let window = self.policy.window;
        let default = Quota { name: QuotaName::DEFAULT, limit: client.rate_limit, window, shadow: false };
        let mut charges = Vec::with_capacity(1 + client.limits.as_slice().len());
        charges.push(Charge { quota: default, cost: events as u64 });
        charges.extend(client.limits.as_slice().iter().map(|limit| {
            let cost = limit.endpoint.as_ref().map_or(events, &hits);
            Charge { quota: limit.quota(), cost: cost as u64 }
        }));
        Charges::known_to_differ(charges)
    }

    async fn take(&self, on: Spending, subject: Subject, charges: Charges) -> Result<Spent, Limited> {
        let decided = self.limiter.take(&subject, &charges).await;
        self.counters.note(on, decided.as_ref().ok());
        let Ok(decision) = decided else { return Ok(Spent::default()) };
        let Decision { verdict, would_refuse, states } = decision;
        let quota = |index: usize| charges.as_slice()[index].quota;
        match verdict {
            Verdict::Admitted(taken) => Ok(Spent {
                states: charged(states, &charges),
                would_refuse: would_refuse.into_iter().map(|index| quota(index).name).collect(),
                from: Some((subject, charges, taken)),
            }),
            Verdict::Refused { by, retry_after_seconds } => Err(Limited::Later {
                states: charged(states, &charges),
                by: quota(by).name,
                retry_after_seconds,
            }),
            Verdict::Impossible { by } => Err(Limited::Never(quota(by))),
        }
    }
}

/// The states of those real quotas that a call costs something.
fn charged(mut states: Vec<QuotaState>, charges: &Charges) -> Vec<QuotaState> {
    let mut charges = charges.as_slice().iter();
    states.retain(|_| charges.next().is_some_and(|charge| charge.cost > 0 && !charge.quota.shadow));
    states
}
