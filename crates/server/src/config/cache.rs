//! The settings of the cache of usage.

use std::time::Duration;

use activity_domain::cache::CacheVersion;
use activity_domain::error::Invalid;

use super::parse;
use super::reader::Reader;
use crate::schedule::Schedule;

/// What is cached, for how long, and when it is warmed.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// `CACHE_TTL_USAGE_DAILY`; zero keeps no days.
    pub ttl_daily: Duration,
    /// `CACHE_TTL_USAGE_TOP`; zero keeps no tops.
    pub ttl_top: Duration,
    /// `CACHE_VERSION`.
    pub version: CacheVersion,
    /// `CACHE_PREWARM_ENABLED`.
    pub prewarm_at_start: bool,
    /// `CACHE_PREWARM_CRON`, where `CACHE_PREWARM_CRON_ENABLED`.
    pub prewarm_schedule: Option<Schedule>,
    /// `CACHE_HIT_TRACKING_ENABLED`.
    pub tracks_keys: bool,
}

/// Takes all of them before the first missing one ends it, so that all problems are noted.
pub(super) fn read(reader: &mut Reader) -> Option<CacheSettings> {
    let ttl_daily = reader.required("CACHE_TTL_USAGE_DAILY", ttl);
    let ttl_top = reader.required("CACHE_TTL_USAGE_TOP", ttl);
    let version = reader.required("CACHE_VERSION", CacheVersion::parse);
    let prewarm_at_start = reader.required("CACHE_PREWARM_ENABLED", parse::switch);
    let is_scheduled = reader.required("CACHE_PREWARM_CRON_ENABLED", parse::switch);
    let schedule = reader.required("CACHE_PREWARM_CRON", Schedule::parse);
    let tracks_keys = reader.required("CACHE_HIT_TRACKING_ENABLED", parse::switch);
    Some(CacheSettings {
        ttl_daily: ttl_daily?,
        ttl_top: ttl_top?,
        version: version?,
        prewarm_at_start: prewarm_at_start?,
        prewarm_schedule: Some(schedule?).filter(|_| is_scheduled == Some(true)),
        tracks_keys: tracks_keys?,
    })
}

fn ttl(text: &str) -> Result<Duration, Invalid> {
    parse::whole(text, 0, 2_678_400, "seconds").map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_seconds_and_may_be_none() {
        assert_eq!(ttl("0"), Ok(Duration::ZERO));
        assert_eq!(ttl("3600"), Ok(Duration::from_hours(1)));
        for bad in ["-1", "2678401", "1h", "", "1.5"] {
            assert!(ttl(bad).is_err(), "{bad}");
        }
    }
}
