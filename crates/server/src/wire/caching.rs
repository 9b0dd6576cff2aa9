//! The cache in front of a store.

use std::sync::Arc;

use activity_adapter_memory::{CacheOptions, MemoryUsageCache};
use activity_adapter_redis::{
    AskedFar, CacheOptions as FarOptions, LayeredCache, Link, Reader, RedisUsageCache, Time,
};
use activity_domain::cache::Lifetime;
use activity_domain::port::{Background, Clock, UsageCache};
use activity_domain::service::{CachePolicy, CachedUsage, Following, ForgettingSink, Prewarm};

use super::Storage;
use crate::Failure;
use crate::config::{CacheSettings, Settings};

/// The most rows of a day that are kept: some megabytes.
const DAY_ROWS: usize = 20_000;

/// The cache and who warms it.
pub struct Caching {
    /// The cache.
    pub cache: Arc<dyn UsageCache>,
    /// That of this process, which may be the same.
    pub near: Arc<dyn UsageCache>,
    /// What is asked of the one that instances share.
    pub asked_far: Option<Arc<AskedFar>>,
    /// Warms it.
    pub prewarm: Arc<Prewarm>,
    /// Learns what other instances store, where there are others: somebody has to have it ask, again and again.
    pub following: Option<Arc<Following>>,
    /// Where instances share answers, if they do.
    pub far: Option<Far>,
}

/// Where instances share answers.
#[derive(Clone)]
pub struct Far {
    /// How Redis is.
    pub link: Link,
    /// Where answers are read, if that is not where they are written.
    pub reader: Option<Reader>,
}

/// Redis, if it is configured: that is no contact yet. The connection is not the limiter's, which is not to wait for
/// long answers.
pub fn far(settings: &Settings) -> Result<Option<Far>, Failure> {
    let Some(redis) = settings.redis.as_ref().filter(|_| settings.database.is_some()) else {
        return Ok(None);
    };
    let link =
        Link::open(&redis.options.clone().with_name("cache")).map_err(|reason| format!("Redis: {reason}"))?;
    let reader = Reader::open(&redis.options, redis.read_end.clone());
    let reader = reader.map_err(|reason| format!("Redis: {reason}"))?;
    Ok(Some(Far { link, reader }))
}

/// A storage with a cache in front of it: questions go through the cache, and what is stored makes it
/// forget. Where instances share the storage, what the others store makes it forget too, and they may share answers.
pub fn cached(
    settings: &CacheSettings,
    far: Option<Far>,
    storage: Storage,
    clock: &Arc<dyn Clock>,
    background: Arc<dyn Background>,
) -> (Storage, Caching) {
    // Where the cache is shared, uses are counted there.
    let tracks_keys = settings.tracks_keys && far.is_none();
    let options = CacheOptions { tracks_keys, ..CacheOptions::default() };
    let near: Arc<dyn UsageCache> = Arc::new(MemoryUsageCache::new(clock.clone(), options));
    let following = storage.late.clone().map(|late| Following::new(late, near.clone(), clock.clone()));
    let following = following.map(Arc::new);
    let mut asked_far = None;
    let cache: Arc<dyn UsageCache> = match (far.clone(), &following) {
        (Some(Far { link, reader }), Some(following)) => {
            let options = FarOptions { tracks_keys: settings.tracks_keys, ..FarOptions::default() };
            let (following, clock) = (following.clone(), clock.clone());
            let far = RedisUsageCache::new(link, reader, following, clock, Time::Redis, options);
            let layered = LayeredCache::new(near.clone(), far);
            asked_far = Some(layered.asked());
            Arc::new(layered)
        }
        // Nobody else writes to the store, or there is no Redis.
        _ => near.clone(),
    };
    let policy = CachePolicy {
        version: settings.version.clone(),
        daily: Lifetime::of(settings.ttl_daily),
        top: Lifetime::of(settings.ttl_top),
        day_rows: DAY_ROWS,
    };
    let mut usage = CachedUsage::new(storage.usage, cache.clone(), clock.clone(), background, policy);
    if let Some(following) = &following {
        usage = usage.following(following.clone());
    }
    let usage = Arc::new(usage);
    let sink = Arc::new(ForgettingSink::new(storage.sink, cache.clone()));
    let prewarm = Arc::new(Prewarm::new(usage.clone()));
    (Storage { sink, usage, ..storage }, Caching { cache, near, asked_far, prewarm, following, far })
}

#[cfg(test)]
mod tests {
    //! The stacks that production wires keep the laws of stores, and those of caches.

    use std::any::Any;

    use activity_adapter_memory::{FeedOptions, ManualClock, MemoryFeed};
    use activity_contract::cached::{AsCallersAsk, CachedStores};
    use activity_contract::{Stores, make};
    use activity_domain::port::{LiveFeed, UsageRepo};

    use super::super::telling;
    use super::*;
    use crate::config::Settings;
    use crate::system::{OsRandomness, TokioBackground};

    /// A stack over a store, which `guard` keeps there.
    async fn stack(
        settings: &Settings,
        now: &str,
        storage: Storage,
        guard: Box<dyn Any + Send>,
    ) -> CachedStores {
        let uncached: Arc<dyn UsageRepo> = storage.usage.clone();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(make::at(now)));
        let (storage, caching) =
            cached(&settings.cache, None, storage, &clock, Arc::new(TokioBackground::here()));
        let feed: Arc<dyn LiveFeed> =
            Arc::new(MemoryFeed::new(Arc::new(OsRandomness), FeedOptions::default()));
        let storage = telling(storage, &feed);
        if let Some(following) = &caching.following {
            // The clock stands still, and so what is known stays trusted. Others write on the same server.
            while following.sealed().is_none() {
                following.poll().await.unwrap();
            }
        }
        let stores = Stores {
            set_aside: storage.set_aside,
            tickets: storage.tickets,
            acts: storage.acts,
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
            stack(&settings, now, wire::storage(&settings).await.unwrap(), Box::new(folder)).await
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
            let key = secret.repeat(2);
            let env = [
                ("DATABASE_URL", url),
                ("JWT_SECRET", secret),
                ("ADMIN_API_KEY", secret),
                ("ENCRYPTION_KEY", &key),
            ];
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
            stack(&settings, now, storage, Box::new((database, folder))).await
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
