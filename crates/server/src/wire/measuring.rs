//! Who is asked when somebody wants to know how the instance does.

use std::sync::Arc;

use activity_adapter_redis::Link;
use activity_domain::port::LiveFeed;
use activity_domain::service::Limits;
use activity_http::live::Live;
use activity_http::operations::Health;
use activity_http::watch::Watch;
use activity_ingest::{Spool, Totals};
use actix_web::web::Data;

use super::{Caching, Limiting, Storage};
use crate::metrics::Sources;
use crate::traces::{RequestSpans, TraceCounts};
use crate::upkeep::UpkeepCounts;

/// What says how the instance does, and is no service.
pub struct Measuring {
    /// In words.
    pub health: Arc<dyn Health>,
    /// Events that wait.
    pub spool: Arc<Spool>,
    /// What became of the others.
    pub totals: Arc<Totals>,
    /// The store's housekeeping.
    pub upkeep: Arc<UpkeepCounts>,
    /// How Redis is for the live feed.
    pub feed_link: Option<Link>,
    /// Spans that went out, if any do.
    pub traces: Option<Arc<TraceCounts>>,
}

impl Measuring {
    /// Who watches requests.
    pub fn watch(&self) -> Watch {
        let watch = Watch::default();
        if self.traces.is_some() { watch.tracing(Arc::<RequestSpans>::default()) } else { watch }
    }

    /// All of them, with the services that keep numbers too.
    pub fn sources(
        self,
        storage: &Storage,
        caching: &Caching,
        limiting: &Limiting,
        (watch, live, limits): (&Data<Watch>, &Data<Live>, &Data<Limits>),
        feed: Arc<dyn LiveFeed>,
    ) -> Sources {
        let shared = limiting.shared.as_ref();
        let links = [
            ("limits", shared.map(|by| by.link.clone())),
            ("cache", caching.far.as_ref().map(|far| far.link.clone())),
            ("feed", self.feed_link),
        ];
        let links = links.into_iter().filter_map(|(name, link)| link.map(|link| (name, link)));
        Sources {
            watch: watch.clone(),
            live: live.clone(),
            feed,
            spool: self.spool,
            totals: self.totals,
            batches: storage.batches.clone(),
            upkeep: self.upkeep,
            postgres: storage.postgres.clone(),
            redis: links.collect(),
            limits: limits.clone(),
            shared: shared.map(|by| by.limiter.clone()),
            near: caching.near.clone(),
            far: caching.asked_far.clone(),
            traces: self.traces,
        }
    }
}
