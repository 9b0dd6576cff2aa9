//! The use cases, over the ports.

mod access;
mod clients;
mod limits;
mod usage;

pub use access::{Access, Caller};
pub use clients::{Clients, RegisterError, Registered, Registration, RegistrationMode};
pub use limits::{LimitPolicy, Limited, Limits, Spent};
pub use usage::{Usage, UsageError};
