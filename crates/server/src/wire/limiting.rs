//! Who decides about limits: this instance alone, or Redis for all instances.

use std::sync::Arc;

use activity_adapter_memory::MemoryLimiter;
use activity_adapter_redis::{Link, Locals, RedisLimiter, SharedLimiter, Time};
use activity_domain::port::{Clock, RateLimiter};

use crate::Failure;
use crate::config::Settings;

/// The limiter.
pub struct Limiting {
    /// What use cases ask.
    pub limiter: Arc<dyn RateLimiter>,
    /// The same, where Redis has a part in it.
    pub shared: Option<Arc<SharedLimiter>>,
}

/// The limiter that the settings ask for. With Redis that is no contact yet.
pub fn limiting(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Limiting, Failure> {
    let local = || Arc::new(MemoryLimiter::new(clock.clone()));
    let Some(redis) = &settings.redis else { return Ok(Limiting { limiter: local(), shared: None }) };
    tracing::info!(redis = %redis.options, "limits are shared with other instances");
    let link = Link::open(&redis.options).map_err(|reason| format!("Redis: {reason}"))?;
    let remote = RedisLimiter::new(link.clone(), Time::Redis);
    let locals = Locals { all: local(), unknown: local() };
    let shared = Arc::new(SharedLimiter::new(link, remote, locals, redis.without));
    Ok(Limiting { limiter: shared.clone(), shared: Some(shared) })
}
