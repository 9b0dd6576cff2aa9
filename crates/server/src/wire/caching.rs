//! The cache in front of a store.

use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{CacheOptions, MemoryUsageCache};
use activity_domain::cache::Lifetime;
use activity_domain::port::{Background, Clock, UsageCache};
use activity_domain::service::{CachePolicy, CachedUsage, ForgettingSink, Prewarm};

use super::Storage;
use crate::config::{CacheSettings, Settings};

/// The most rows of a day that are kept: some megabytes.
const DAY_ROWS: usize = 20_000;

/// The cache and who warms it.
pub struct Caching {
    /// The cache.
    pub cache: Arc<dyn UsageCache>,
    /// Warms it.
    pub prewarm: Arc<Prewarm>,
}

/// How answers are cached. Instances on one database do not hear of what another one stores into a day that is
/// closed, and would show it too late: they keep no answers.
pub fn cache_settings(settings: &Settings) -> CacheSettings {
    let cache = settings.cache.clone();
    match settings.database {
        None => cache,
        Some(_) => CacheSettings { ttl_daily: Duration::ZERO, ttl_top: Duration::ZERO, ..cache },
    }
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
    //! The stacks that production wires keep the laws of stores, and those of caches.

    use std::any::Any;

    use activity_adapter_memory::ManualClock;
    use activity_contract::cached::{AsCallersAsk, CachedStores};
    use activity_contract::{Stores, make};
    use activity_domain::port::UsageRepo;

    use super::*;
    use crate::config::Settings;
    use crate::system::TokioBackground;

    /// A stack over a store, which `guard` keeps there.
    fn stack(settings: &Settings, now: &str, storage: Storage, guard: Box<dyn Any + Send>) -> CachedStores {
        let uncached: Arc<dyn UsageRepo> = storage.usage.clone();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(make::at(now)));
        let (storage, caching) = cached(&settings.cache, storage, &clock, Arc::new(TokioBackground::here()));
        let stores = Stores {
            set_aside: storage.set_aside,
            clients: storage.clients,
            sink: storage.sink,
            usage: Arc::new(AsCallersAsk(storage.usage)),
            upkeep: storage.upkeep,
            guard,
        };
        CachedStores { stores, uncached, cache: caching.cache }
    }

    /// All that the laws of stores ask for is closed by then.
    const LATER: &str = "2126-03-12T12:34:56Z";
    const NOW: &str = "2026-03-12T12:34:56Z";

    mod embedded {
        use super::*;
        use crate::config::Sources;
        use crate::wire;

        async fn on(now: &str) -> CachedStores {
            let folder = tempfile::tempdir().unwrap();
            let sources = Sources { dir: folder.path().into(), env: [].into(), is_terminal: false };
            let settings = Settings::load(&sources).unwrap();
            stack(&settings, now, wire::storage(&settings).await.unwrap(), Box::new(folder))
        }

        async fn fresh() -> Stores {
            on(LATER).await.stores
        }

        async fn beside() -> CachedStores {
            on(NOW).await
        }

        activity_contract::laws!(fresh);
        activity_contract::cached_laws!(beside);
    }

    mod on_postgres {
        use activity_testkit::Database;

        use super::*;
        use crate::cli::MigrateAction;
        use crate::config::Sources;
        use crate::{migrate, wire};

        fn settings(url: &str, folder: &std::path::Path) -> Settings {
            let secret = "f3a9c1d07be24855912fa6630cd1e8b7";
            let env = [("DATABASE_URL", url), ("JWT_SECRET", secret), ("ADMIN_API_KEY", secret)];
            let env = env.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
            Settings::load(&Sources { dir: folder.into(), env, is_terminal: false }).unwrap()
        }

        /// All that makes the schema: another text makes another template.
        fn schema() -> String {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres");
            let versions = std::fs::read_dir(folder).unwrap().map(|version| version.unwrap().path());
            let mut files: Vec<_> = versions.map(|version| version.join("up.sql")).collect();
            files.sort();
            files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
        }

        async fn on(now: &str) -> CachedStores {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::from_template(&schema(), |address| {
                let settings = settings(&address.url(), folder.path());
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(migrate::run(&settings, MigrateAction::Up)).unwrap();
            });
            let settings = settings(&database.url(), folder.path());
            let storage = wire::storage(&settings).await.unwrap();
            stack(&settings, now, storage, Box::new((database, folder)))
        }

        async fn fresh() -> Stores {
            on(LATER).await.stores
        }

        async fn beside() -> CachedStores {
            on(NOW).await
        }

        activity_contract::laws!(fresh);
        activity_contract::cached_laws!(beside);
    }
}
