//! The use cases, over the ports.

mod access;
mod accounts;
mod acts;
mod caching;
mod clients;
mod emails;
mod limits;
mod telling;
mod usage;

pub use access::{AUTH_STALE_MAX_SECONDS, Access, AccessWatch, Caller};
pub use accounts::{AccountError, Accounts, Issued};
pub use acts::Acts;
pub use caching::{CachePolicy, CachedUsage, Following, ForgettingSink, Prewarm, PrewarmRun, Stamp};
pub use clients::{Clients, RegisterError, Registered, Registration, RegistrationMode};
pub use emails::{EmailVault, Emails, KeptEmail};
pub use limits::{LimitCounts, LimitPolicy, Limited, Limits, Spending, SpendingCounts, Spent};
pub use telling::{TellingClients, TellingSink};
pub use usage::{Usage, UsageError};
