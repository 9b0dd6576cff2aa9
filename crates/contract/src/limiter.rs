//! Laws of `RateLimiter`, under a clock that the law moves.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | [`LimiterHarness`]: what an adapter brings along |
//! | `exact` | the oracle: a log of every admitted call, and histories to play |
//! | `windows` | how much is admitted, and when |
//! | `answers` | that answers are true: what remains, waits, peeks |
//! | `together` | subjects, several quotas and costs, many callers |
//! | `names` | quotas that come and go |
//! | `shadow` | quotas that refuse nothing |
//! | `refunds` | giving back and forgetting |
//! | `instances` | what holds over several instances, also where these have a part of limits in hand |

#![expect(clippy::unused_async, reason = "laws are called alike; some wait inside a property")]

use std::any::Any;
use std::sync::Arc;

use activity_domain::client::RateLimit;
use activity_domain::limit::{Charge, Charges, Quota, QuotaName, Subject, Window};
use activity_domain::port::RateLimiter;
use async_trait::async_trait;

use crate::make;

mod answers;
mod exact;
mod instances;
mod names;
mod refunds;
mod shadow;
mod together;
mod windows;

pub use answers::*;
pub use instances::*;
pub use names::*;
pub use refunds::*;
pub use shadow::*;
pub use together::*;
pub use windows::*;

/// Moves the time that a limiter goes by.
#[async_trait]
pub trait LimiterClock: Send + Sync {
    /// Moves it by some microseconds, back if negative. The limiter knows when this returns.
    async fn advance(&self, micros: i64);
}

/// A limiter to be tested, and what it lives on.
pub struct Limiter {
    /// The limiter; nothing has been taken from it.
    pub limiter: Arc<dyn RateLimiter>,
    /// The time that it goes by, at least a hundred years after 1970 and before 9999.
    pub clock: Arc<dyn LimiterClock>,
    /// Cleans up when dropped.
    pub guard: Box<dyn Any + Send>,
}

/// Gives laws their limiters.
#[async_trait]
pub trait LimiterHarness: Send + Sync {
    /// A limiter that shares nothing with the others, its clock included.
    async fn fresh(&self) -> Limiter;
}

/// An `async fn fresh() -> Limiter` is all that most adapters need.
#[async_trait]
impl<F, Made> LimiterHarness for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = Limiter> + Send + 'static,
{
    async fn fresh(&self) -> Limiter {
        self().await
    }
}

const SECOND: i64 = 1_000_000;

/// Names for as many quotas as a call may have.
const NAMES: [&str; 8] = ["default", "burst", "reads", "a", "b", "c", "per-day", "z-9"];

fn quota(name: &str, limit: u32, seconds: u32) -> Quota {
    Quota {
        name: QuotaName::parse(name).expect("a quota's name"),
        limit: RateLimit::parse(limit.into()).expect("a limit"),
        window: Window::parse(seconds.into()).expect("a window"),
        shadow: false,
    }
}

/// The same cost from each of some quotas.
fn each(quotas: &[Quota], cost: u64) -> Charges {
    charges(quotas.iter().map(|quota| (*quota, cost)))
}

fn charges(costs: impl IntoIterator<Item = (Quota, u64)>) -> Charges {
    let charges = costs.into_iter().map(|(quota, cost)| Charge { quota, cost });
    Charges::parse(charges.collect()).expect("charges")
}

/// Subjects that an adapter could mix up.
fn subjects() -> [Subject; 6] {
    [
        Subject::Client(make::client_id("CL-1")),
        Subject::Client(make::client_id("cl-1")),
        Subject::Reads(make::client_id("CL-1")),
        Subject::Client(make::client_id("192.0.2.1")),
        Subject::address([192, 0, 2, 1].into()),
        Subject::address([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
    ]
}
