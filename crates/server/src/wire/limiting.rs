//! Who decides about limits: this instance alone, or Redis for all instances.

use std::sync::Arc;

use activity_adapter_memory::MemoryLimiter;
use activity_adapter_redis::{
    LeasedLimiter, Leases, Link, Locals, RedisLimiter, SharedLimiter, Time, WithoutRedis,
};
use activity_domain::port::{Clock, RateLimiter};

use crate::Failure;
use crate::config::Settings;

/// The limiter.
pub struct Limiting {
    /// What use cases ask.
    pub limiter: Arc<dyn RateLimiter>,
    /// The same, where Redis has a part in it.
    pub shared: Option<ByRedis>,
}

/// Limits that Redis has a part in.
#[derive(Clone)]
pub struct ByRedis {
    /// Who decides.
    pub limiter: Arc<SharedLimiter>,
    /// How Redis is.
    pub link: Link,
    /// What becomes of limits while it is lost.
    pub without: WithoutRedis,
}

/// The limiter that the settings ask for. With Redis that is no contact yet.
pub fn limiting(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Limiting, Failure> {
    let local = || Arc::new(MemoryLimiter::new(clock.clone()));
    let Some(redis) = &settings.redis else { return Ok(Limiting { limiter: local(), shared: None }) };
    let without = crate::health::alone(redis.without);
    tracing::info!(redis = %redis.options, without, "limits are shared with other instances");
    let link = Link::open(&redis.options.clone().with_name("limits"))
        .map_err(|reason| format!("Redis: {reason}"))?;
    let remote = RedisLimiter::new(link.clone(), Time::Redis);
    let remote = if redis.has_leases { LeasedLimiter::new(remote, Leases::default()) } else { remote.into() };
    let locals = Locals { all: local(), unknown: local() };
    let limiter = Arc::new(SharedLimiter::new(link.clone(), remote, locals, redis.without));
    let shared = ByRedis { limiter: limiter.clone(), link, without: redis.without };
    Ok(Limiting { limiter, shared: Some(shared) })
}
