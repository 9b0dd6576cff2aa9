//! How the server is: what `/readyz` and `/health-check` say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use activity_domain::id::StreamId;
use activity_domain::port::ActivitySink;
use activity_http::operations::{Check, Health, State};
use activity_ingest::Spool;
use async_trait::async_trait;
use uuid::Uuid;

/// What a check may take; probes give up soon after.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks at the spool and the store.
pub struct NodeHealth {
    spool: Arc<Spool>,
    sink: Arc<dyn ActivitySink>,
    stopping: AtomicBool,
}

impl NodeHealth {
    /// Health of a node.
    pub fn new(spool: Arc<Spool>, sink: Arc<dyn ActivitySink>) -> Self {
        Self { spool, sink, stopping: AtomicBool::new(false) }
    }

    /// From now on requests should go elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Events are taken while the store is away, so the store is not vital.
    async fn store(&self) -> Check {
        let asked = tokio::time::timeout(PATIENCE, self.sink.position(StreamId(Uuid::nil()))).await;
        let (ok, detail) = match asked {
            Ok(Ok(_)) => (true, "answers".to_owned()),
            // Its own words may name hosts and files; they are in the log.
            Ok(Err(_)) => (false, "fails; events wait in the spool".to_owned()),
            Err(_) => (false, "does not answer; events wait in the spool".to_owned()),
        };
        Check { name: "store", ok, detail, vital: false }
    }

    async fn spool(&self) -> Check {
        let (ok, detail) = match tokio::time::timeout(PATIENCE, self.spool.check()).await {
            Ok(Ok(())) => (true, format!("takes events, {} bytes on disk", self.spool.bytes())),
            Ok(Err(error)) => (false, format!("takes no events: {error}")),
            Err(_) => (false, "the disk is slow".to_owned()),
        };
        Check { name: "spool", ok, detail, vital: true }
    }
}

#[async_trait]
impl Health for NodeHealth {
    fn state(&self) -> State {
        if self.stopping.load(Ordering::Relaxed) { State::Stopping } else { State::Ready }
    }

    async fn checks(&self) -> Vec<Check> {
        let (spool, store) = tokio::join!(self.spool(), self.store());
        vec![spool, store]
    }
}
