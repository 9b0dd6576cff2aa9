//! What instances share, on Redis.
//!
//! | Module | Holds |
//! |---|---|
//! | [`link`] | the connection: the one place that knows how the client library is set up |
//! | [`reader`] | the read end: connections to a replica |
//! | [`cache`] | the cache of usage that instances share |
//! | [`feed`] | the live feed of all instances |
//! | [`limiter`] | the limiter that instances share |
//! | [`leases`] | the same, which decides for busy clients with fewer calls |
//! | [`shared`] | the same, which goes on without Redis: what a server uses |

pub mod cache;
pub mod feed;
pub mod leases;
pub mod limiter;
pub mod link;
pub mod reader;
pub mod shared;

pub use cache::{AskedFar, CacheOptions, LayeredCache, RedisUsageCache};
pub use feed::RedisFeed;
pub use leases::{LeasedLimiter, Leases};
pub use limiter::{RedisLimiter, Time};
pub use link::{Link, Options};
pub use reader::Reader;
pub use shared::{Decided, Locals, Mode, SharedLimiter, WithoutRedis};
