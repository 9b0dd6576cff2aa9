//! How an instance does, in numbers: what `/metrics` says. Parts keep plain numbers, which are read when somebody
//! asks, here and nowhere else.
//!
//! | File | Holds |
//! |---|---|
//! | this one | [`Sources`], from where numbers come, and the text of all |
//! | `page` | a text as it is being written |
//! | `requests`, `events`, `stores`, `limits`, `caches`, `process` | numbers of one part each |
//!
//! A new number needs its line in `docs/metrics.md`: a test compares the two.

use std::fmt;
use std::sync::Arc;

use activity_adapter_postgres::PostgresStore;
use activity_adapter_redis::{AskedFar, Link, SharedLimiter};
use activity_domain::cache::CacheStats;
use activity_domain::port::{LiveFeed, UsageCache};
use activity_domain::service::Limits;
use activity_http::live::Live;
use activity_http::operations::{Measured, MetricsFormat};
use activity_http::watch::Watch;
use activity_ingest::{Spool, Totals};
use actix_web::web::Data;
use async_trait::async_trait;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use crate::batches::Batches;
use crate::traces::TraceCounts;
use crate::upkeep::UpkeepCounts;

mod caches;
mod events;
mod limits;
mod page;
mod process;
mod requests;
mod stores;

use page::Page;

/// Where numbers come from.
#[derive(Clone)]
pub struct Sources {
    /// Requests.
    pub watch: Data<Watch>,
    /// Streams.
    pub live: Data<Live>,
    /// The live feed.
    pub feed: Arc<dyn LiveFeed>,
    /// Events that wait, ...
    pub spool: Arc<Spool>,
    /// ... and what became of the others.
    pub totals: Arc<Totals>,
    /// Whether the store takes batches.
    pub batches: Arc<Batches>,
    /// Its housekeeping.
    pub upkeep: Arc<UpkeepCounts>,
    /// The store, where it is Postgres.
    pub postgres: Option<PostgresStore>,
    /// Connections to Redis, by what they are for.
    pub redis: Vec<(&'static str, Link)>,
    /// Decisions about limits.
    pub limits: Data<Limits>,
    /// Who makes them, where Redis has a part in it.
    pub shared: Option<Arc<SharedLimiter>>,
    /// The cache of this process.
    pub near: Arc<dyn UsageCache>,
    /// What is asked of the one that instances share.
    pub far: Option<Arc<AskedFar>>,
    /// Spans that went out, where there are traces.
    pub traces: Option<Arc<TraceCounts>>,
}

#[async_trait]
impl Measured for Sources {
    async fn text(&self, format: MetricsFormat) -> String {
        // The cache of this process answers at once.
        let cache = self.near.stats().await.unwrap_or_default();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape { sources: self.clone(), cache }));
        let mut written = String::with_capacity(32 << 10);
        let done = match format {
            MetricsFormat::OpenMetrics => text::encode(&mut written, &registry),
            MetricsFormat::Prometheus => prometheus_text::encode(&mut written, &registry),
        };
        if done.is_err() {
            tracing::error!("metrics cannot be written");
        }
        written
    }
}

/// One look at all numbers.
struct Scrape {
    sources: Sources,
    cache: CacheStats,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape(..)")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self { sources, cache } = self;
        let mut page = Page::new(encoder);
        requests::write(&mut page, &sources.watch, &sources.live)?;
        events::write(&mut page, &sources.spool, &sources.totals)?;
        stores::store(&mut page, &sources.batches, &sources.upkeep, sources.postgres.as_ref())?;
        if let Some(postgres) = &sources.postgres {
            stores::postgres(&mut page, postgres)?;
        }
        stores::redis(&mut page, &sources.redis)?;
        limits::write(&mut page, &sources.limits, sources.shared.as_deref())?;
        caches::cache(&mut page, cache, sources.far.as_deref())?;
        caches::feed(&mut page, sources.feed.counts())?;
        process::write(&mut page, sources.traces.as_deref())
    }
}
