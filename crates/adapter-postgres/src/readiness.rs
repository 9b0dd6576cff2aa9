//! Whether the schema was brought to this program's version: once, on first contact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use activity_domain::error::StoreError;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::out_of_reach;
use crate::migrations;
use crate::options::Server;

/// Shared by all who use a store.
#[derive(Clone)]
pub(crate) struct Readiness {
    state: Arc<State>,
    runtime: Handle,
    /// How long a caller waits for an attempt, which goes on without him.
    wait: Duration,
}

struct State {
    server: Server,
    is_done: AtomicBool,
    failed: Mutex<Option<(Instant, StoreError)>>,
}

impl Readiness {
    pub fn new(server: &Server, runtime: Handle, wait: Duration) -> Self {
        let state =
            State { server: server.clone(), is_done: AtomicBool::new(false), failed: Mutex::default() };
        Self { state: Arc::new(state), runtime, wait }
    }

    /// Returns when it is done.
    pub async fn wait(&self) -> Result<(), StoreError> {
        if self.state.is_done.load(Ordering::Acquire) {
            return Ok(());
        }
        let (state, arrived) = (self.state.clone(), Instant::now());
        let attempt = self.runtime.spawn(async move { state.attempt(arrived).await });
        match timeout(self.wait, attempt).await {
            Ok(attempt) => attempt.map_err(|error| StoreError::Unavailable(error.to_string()))?,
            Err(_) => Err(out_of_reach(&"the schema is not ready yet")),
        }
    }
}

impl State {
    /// Many callers at once cost one attempt: who came before it failed shares the failure.
    async fn attempt(&self, arrived: Instant) -> Result<(), StoreError> {
        let mut failed = self.failed.lock().await;
        if self.is_done.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Some((at, error)) = failed.as_ref()
            && *at >= arrived
        {
            return Err(error.clone());
        }
        let attempt = migrations::up(&self.server).await;
        match &attempt {
            Ok(()) => self.is_done.store(true, Ordering::Release),
            Err(error) => *failed = Some((Instant::now(), error.clone())),
        }
        attempt
    }
}
