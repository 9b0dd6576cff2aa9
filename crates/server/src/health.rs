//! How the server is: what `/readyz` and `/health-check` say.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use activity_adapter_postgres::PostgresStore;
use activity_adapter_redis::Link;
use activity_domain::id::StreamId;
use activity_domain::port::ActivitySink;
use activity_http::operations::{Check, Health, State};
use activity_ingest::Spool;
use async_trait::async_trait;
use uuid::Uuid;

use crate::batches::Batches;
use crate::wire::{ByRedis, Caching, Far, Limiting, Storage};

mod redis;

pub use redis::alone;

/// What a check may take; probes give up soon after.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks at the spool, the store, and what instances share by Redis.
pub struct NodeHealth {
    spool: Arc<Spool>,
    sink: Arc<dyn ActivitySink>,
    batches: Arc<Batches>,
    postgres: Option<PostgresStore>,
    limits: Option<ByRedis>,
    cache: Option<Far>,
    feed: Option<Link>,
    stopping: AtomicBool,
}

impl NodeHealth {
    /// Health of a node.
    pub fn new(
        spool: Arc<Spool>,
        storage: &Storage,
        limiting: &Limiting,
        caching: &Caching,
        feed: Option<Link>,
    ) -> Self {
        let (sink, postgres) = (storage.sink.clone(), storage.postgres.clone());
        let batches = storage.batches.clone();
        let (limits, cache) = (limiting.shared.clone(), caching.far.clone());
        Self { spool, sink, batches, postgres, limits, cache, feed, stopping: AtomicBool::new(false) }
    }

    /// From now on requests should go elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    async fn stores(&self) -> Vec<Check> {
        match &self.postgres {
            Some(postgres) => {
                let primary = self.primary(postgres).await;
                std::iter::once(primary).chain(replicas(postgres)).collect()
            }
            None => vec![self.embedded().await],
        }
    }

    async fn embedded(&self) -> Check {
        let asked = tokio::time::timeout(PATIENCE, self.sink.position(StreamId(Uuid::nil()))).await;
        store(match asked {
            Ok(Ok(_)) => self.batches.refusal().map_or(Ok("answers"), |refusal| Err(refusal.to_string())),
            // Its own words may name files; they are in the log.
            Ok(Err(_)) => Err("fails".to_owned()),
            Err(_) => Err("does not answer".to_owned()),
        })
    }

    async fn primary(&self, postgres: &PostgresStore) -> Check {
        let trouble = match postgres.condition().await {
            Ok(()) => self.batches.refusal().map(|refusal| format!("Postgres {refusal}")),
            Err(ailment) => Some(format!("Postgres {ailment}")),
        };
        store(trouble.map_or(Ok("Postgres answers"), Err))
    }

    async fn spool(&self) -> Check {
        let (ok, detail) = match tokio::time::timeout(PATIENCE, self.spool.check()).await {
            Ok(Ok(())) => (true, format!("takes events, {} bytes on disk", self.spool.bytes())),
            Ok(Err(error)) => (false, format!("takes no events: {error}")),
            Err(_) => (false, "the disk is slow".to_owned()),
        };
        Check { name: Cow::Borrowed("spool"), ok, detail, vital: true }
    }
}

/// Events are taken while the store is away, so the store is not vital.
fn store(found: Result<&'static str, String>) -> Check {
    let name = Cow::Borrowed("store");
    match found {
        Ok(detail) => Check { name, ok: true, detail: detail.to_owned(), vital: false },
        Err(trouble) => {
            Check { name, ok: false, detail: format!("{trouble}; events wait in the spool"), vital: false }
        }
    }
}

/// By their place in the setting: where they are is nobody else's business.
fn replicas(postgres: &PostgresStore) -> impl Iterator<Item = Check> {
    (1..).zip(postgres.replicas()).map(|(place, replica)| {
        let detail = match replica.ailment {
            None => "answers".to_owned(),
            Some(ailment) => format!("{ailment}; the others and the primary answer"),
        };
        let name = Cow::Owned(format!("replica-{place}"));
        Check { name, ok: replica.ailment.is_none(), detail, vital: false }
    })
}

#[async_trait]
impl Health for NodeHealth {
    fn state(&self) -> State {
        if self.stopping.load(Ordering::Relaxed) { State::Stopping } else { State::Ready }
    }

    async fn checks(&self) -> Vec<Check> {
        let (spool, stores) = tokio::join!(self.spool(), self.stores());
        let limits = self.limits.as_ref().map(redis::limits);
        let shared = [limits, self.cache.as_ref().map(redis::cache), self.feed.as_ref().map(redis::feed)];
        std::iter::once(spool).chain(stores).chain(shared.into_iter().flatten()).collect()
    }
}
