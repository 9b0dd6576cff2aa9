//! The cache in front of a store.

use std::sync::Arc;

use activity_adapter_memory::{CacheOptions, MemoryUsageCache};
use activity_domain::cache::Lifetime;
use activity_domain::port::{Background, Clock, UsageCache};
use activity_domain::service::{CachePolicy, CachedUsage, ForgettingSink, Prewarm};

use super::Storage;
use crate::config::CacheSettings;

/// The most rows of a day that are kept: some megabytes.
const DAY_ROWS: usize = 20_000;

/// The cache and who warms it.
pub struct Caching {
    /// The cache.
    pub cache: Arc<dyn UsageCache>,
    /// Warms it.
    pub prewarm: Arc<Prewarm>,
}

/// A storage with a cache in front of it: questions go through the cache, and what is stored makes it
/// forget.
pub fn cached(
    settings: &CacheSettings,
    storage: Storage,
    clock: &Arc<dyn Clock>,
    background: Arc<dyn Background>,
) -> (Storage, Caching) {
    let options = CacheOptions { tracks_keys: settings.tracks_keys, ..CacheOptions::default() };
    let cache: Arc<dyn UsageCache> = Arc::new(MemoryUsageCache::new(clock.clone(), options));
    let policy = CachePolicy {
        version: settings.version.clone(),
        daily: Lifetime::of(settings.ttl_daily),
        top: Lifetime::of(settings.ttl_top),
        day_rows: DAY_ROWS,
    };
    let usage = CachedUsage::new(storage.usage, cache.clone(), clock.clone(), background, policy);
    let usage = Arc::new(usage);
    let sink = Arc::new(ForgettingSink::new(storage.sink, cache.clone()));
    let prewarm = Arc::new(Prewarm::new(usage.clone()));
    (Storage { sink, usage, ..storage }, Caching { cache, prewarm })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use activity_adapter_memory::ManualClock;
    use activity_adapter_sqlite::SqliteStore;
    use activity_contract::Stores;
    use activity_contract::cached::{AsCallersAsk, CachedStores};
    use activity_contract::make;

    use super::*;
    use crate::config::{Settings, Sources};
    use crate::system::TokioBackground;

    async fn stack(now: &str) -> CachedStores {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources { dir: folder.path().into(), env: BTreeMap::new(), is_terminal: false };
        let settings = Settings::load(&sources).unwrap().cache;
        let store = Arc::new(SqliteStore::open(&folder.path().join("activity.db")).await.unwrap());
        let storage = Storage {
            set_aside: store.clone(),
            clients: store.clone(),
            sink: store.clone(),
            usage: store.clone(),
            upkeep: store.clone(),
            postgres: None,
        };
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(make::at(now)));
        let (storage, caching) = cached(&settings, storage, &clock, Arc::new(TokioBackground::here()));
        let stores = Stores {
            set_aside: storage.set_aside,
            clients: storage.clients,
            sink: storage.sink,
            usage: Arc::new(AsCallersAsk(storage.usage)),
            upkeep: storage.upkeep,
            guard: Box::new(folder),
        };
        CachedStores { stores, uncached: store, cache: caching.cache }
    }

    /// All that the laws ask for is closed by then.
    async fn fresh() -> Stores {
        stack("2126-03-12T12:34:56Z").await.stores
    }

    async fn beside() -> CachedStores {
        stack("2026-03-12T12:34:56Z").await
    }

    activity_contract::laws!(fresh);
    activity_contract::cached_laws!(beside);
}
