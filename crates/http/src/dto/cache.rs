//! How the cache does.

use activity_domain::cache::{CacheStats, KeyUse};
use activity_domain::service::PrewarmRun;
use paperclip::actix::Apiv2Schema;
use serde::Serialize;

/// How the cache of usage does, since the start.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct CacheStatsResponse {
    /// Questions answered from it.
    pub hits: u64,
    /// Questions that it could not answer.
    pub misses: u64,
    /// Of the hits, those with a value that was just being computed anew.
    pub stale: u64,
    /// The share of hits, 0 to 1.
    pub hit_rate: f64,
    /// Values in it.
    pub entries: u64,
    /// About how many bytes they take.
    pub bytes: u64,
    /// How many they may take.
    pub max_bytes: u64,
    /// The keys that are asked for most often, in it or not; empty where keys are not tracked.
    pub hottest_keys: Vec<HotKey>,
    /// The last run of pre-warming that came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_prewarm: Option<PrewarmResponse>,
}

/// How a key is used.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct HotKey {
    /// The key: its generation and its question.
    pub key: String,
    /// How often it was answered from the cache.
    pub hits: u64,
    /// How often it was not.
    pub misses: u64,
    /// When it was last asked for.
    pub last_asked: String,
    /// How long its answer took to compute, the last time, in milliseconds.
    pub cost_ms: f64,
}

/// What a run of pre-warming did.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct PrewarmResponse {
    /// When it began.
    pub at: String,
    /// Answers that were computed and are in the cache now.
    pub warmed: u64,
    /// Those that were there, or that somebody else was at, or that there was no time for.
    pub skipped: u64,
    /// Those that the database did not give.
    pub failed: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl CacheStatsResponse {
    /// The cache's books as they are shown.
    pub fn new(stats: &CacheStats, hottest: &[KeyUse], last: Option<PrewarmRun>) -> Self {
        let asked = stats.hits + stats.misses;
        Self {
            hits: stats.hits,
            misses: stats.misses,
            stale: stats.stale,
            hit_rate: if asked == 0 { 0.0 } else { stats.hits as f64 / asked as f64 },
            entries: stats.entries,
            bytes: stats.bytes,
            max_bytes: stats.max_bytes,
            hottest_keys: hottest.iter().map(HotKey::from).collect(),
            last_prewarm: last.map(PrewarmResponse::from),
        }
    }
}

impl From<&KeyUse> for HotKey {
    fn from(used: &KeyUse) -> Self {
        Self {
            key: used.key.to_string(),
            hits: used.hits,
            misses: used.misses,
            last_asked: used.last_asked.to_string(),
            cost_ms: used.cost.as_micros() as f64 / 1_000.0,
        }
    }
}

impl From<PrewarmRun> for PrewarmResponse {
    fn from(run: PrewarmRun) -> Self {
        Self {
            at: run.at.to_string(),
            warmed: run.warmed,
            skipped: run.skipped,
            failed: run.failed,
            took_ms: u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
