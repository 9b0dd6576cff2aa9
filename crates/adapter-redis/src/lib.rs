//! What instances share, on Redis.
//!
//! | Module | Holds |
//! |---|---|
//! | [`link`] | the connection: the one place that knows the client library |
//! | [`limiter`] | the limiter that instances share |
//! | [`shared`] | the same, which goes on without Redis: what a server uses |

pub mod limiter;
pub mod link;
pub mod shared;

pub use limiter::{RedisLimiter, Time};
pub use link::{Link, Options};
pub use shared::{Locals, SharedLimiter, WithoutRedis};
