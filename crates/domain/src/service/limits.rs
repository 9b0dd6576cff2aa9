//! What each kind of caller may spend, and on what.

use std::net::IpAddr;
use std::sync::Arc;

use super::Caller;
use crate::client::{Client, RateLimit, Role};
use crate::error::Invalid;
use crate::limit::{Cost, Decision, Quota, QuotaName, QuotaState, Quotas, Subject, Taken, Verdict, Window};
use crate::port::RateLimiter;

/// Failed authentications per minute and network.
const FAILED_AUTHENTICATIONS_PER_MINUTE: i64 = 60;

/// Which limits there are.
#[derive(Debug, Clone, Copy)]
pub struct LimitPolicy {
    /// The window of a client's own limit for events.
    pub window: Window,
    /// Requests that read, per minute and client.
    pub reads_per_minute: RateLimit,
    /// Open registrations, per hour and network.
    pub registrations_per_hour: RateLimit,
}

/// An admitted call: where its quota stands, and what it may get back.
#[derive(Debug)]
pub struct Spent {
    /// Where the quotas stand now.
    pub states: Vec<QuotaState>,
    from: Option<(Subject, Quotas, Taken)>,
}

/// Why a call is not admitted.
#[derive(Debug)]
pub enum Limited {
    /// Not now.
    Later {
        /// Where the quotas stand.
        states: Vec<QuotaState>,
        /// The index of the quota that refuses.
        by: usize,
        /// After so many seconds the same call is admitted.
        retry_after_seconds: u64,
    },
    /// Never: it costs more than the whole limit.
    Never {
        /// That limit.
        limit: RateLimit,
    },
}

/// Spends quotas. Services and admins are not limited. A limiter in trouble admits: its trouble is
/// never the caller's.
pub struct Limits {
    limiter: Arc<dyn RateLimiter>,
    policy: LimitPolicy,
    events: QuotaName,
    reads: QuotaName,
    registrations: QuotaName,
    strangers: Quota,
}

impl Limits {
    /// Limits over a limiter.
    pub fn new(limiter: Arc<dyn RateLimiter>, policy: LimitPolicy) -> Result<Self, Invalid> {
        Ok(Self {
            limiter,
            policy,
            events: QuotaName::parse("default")?,
            reads: QuotaName::parse("reads")?,
            registrations: QuotaName::parse("registrations")?,
            strangers: Quota {
                name: QuotaName::parse("failed-auth")?,
                limit: RateLimit::parse(FAILED_AUTHENTICATIONS_PER_MINUTE)?,
                window: Window::MINUTE,
            },
        })
    }

    /// Recording so many events, all or nothing.
    pub async fn record(&self, caller: &Caller, events: u64) -> Result<Spent, Limited> {
        match (caller.role(), Cost::parse(events)) {
            (Role::Client, Ok(cost)) => {
                self.take(Self::of(&caller.client), self.quota(&caller.client), cost).await
            }
            _ => Ok(Spent::nothing()),
        }
    }

    /// Reading once.
    pub async fn read(&self, caller: &Caller) -> Result<Spent, Limited> {
        if caller.role() != Role::Client {
            return Ok(Spent::nothing());
        }
        let window = Window::MINUTE;
        let quota = Quota { name: self.reads, limit: self.policy.reads_per_minute, window };
        self.take(Subject::Reads(caller.client.id.clone()), quota, Cost::ONE).await
    }

    /// Registering without being known, from an address.
    pub async fn register(&self, from: IpAddr) -> Result<Spent, Limited> {
        let limit = self.policy.registrations_per_hour;
        let quota = Quota { name: self.registrations, limit, window: Window::HOUR };
        self.take(Subject::address(from), quota, Cost::ONE).await
    }

    /// Whether a key from an address may be looked up. Only failures are counted, so that any number of
    /// good keys may be looked up at once.
    pub async fn may_present(&self, from: IpAddr) -> Result<(), Limited> {
        let states = self.limiter.peek(&Subject::address(from), &self.strangers.into()).await;
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
        self.take(Subject::address(from), self.strangers, Cost::ONE).await
    }

    /// Gives back what a call spent that then could not be served.
    pub async fn refund(&self, spent: Spent) {
        if let Some((subject, quotas, taken)) = spent.from
            && let Err(_degraded) = self.limiter.refund(&subject, &quotas, taken).await
        {
            // What cannot be given back leaves the window by itself.
        }
    }

    /// Where a client's quota for events stands; `None` while the limiter cannot say.
    pub async fn state(&self, client: &Client) -> Option<QuotaState> {
        let states = self.limiter.peek(&Self::of(client), &self.quota(client).into()).await.ok()?;
        states.into_iter().next()
    }

    /// Forgets what a client has spent on events. False while the limiter cannot.
    pub async fn reset(&self, client: &Client) -> bool {
        self.limiter.reset(&Self::of(client)).await.is_ok()
    }

    fn of(client: &Client) -> Subject {
        Subject::Client(client.id.clone())
    }

    fn quota(&self, client: &Client) -> Quota {
        Quota { name: self.events, limit: client.rate_limit, window: self.policy.window }
    }

    async fn take(&self, subject: Subject, quota: Quota, cost: Cost) -> Result<Spent, Limited> {
        let quotas = Quotas::from(quota);
        let Ok(Decision { verdict, states }) = self.limiter.take(&subject, &quotas, cost).await else {
            return Ok(Spent::nothing());
        };
        match verdict {
            Verdict::Admitted(taken) => Ok(Spent { states, from: Some((subject, quotas, taken)) }),
            Verdict::Refused { by, retry_after_seconds } => {
                Err(Limited::Later { states, by, retry_after_seconds })
            }
            Verdict::Impossible { .. } => Err(Limited::Never { limit: quota.limit }),
        }
    }
}

impl Spent {
    fn nothing() -> Self {
        Self { states: Vec::new(), from: None }
    }
}
