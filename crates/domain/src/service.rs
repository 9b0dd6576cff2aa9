//! The use cases, over the ports.

mod access;
mod clients;
mod usage;

pub use access::{Access, Caller};
pub use clients::{Clients, RegisterError, Registered, Registration, RegistrationMode};
pub use usage::{Usage, UsageError};
