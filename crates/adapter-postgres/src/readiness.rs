//! Whether the first contact was made, once for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use activity_domain::error::StoreError;
use activity_domain::service::Emails;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::breaker::Breaker;
use crate::contact;
use crate::error::out_of_reach;
use crate::fingerprints::Fingerprint;
use crate::options::{Options, Server};

/// Shared by all who use a store.
#[derive(Clone)]
pub(crate) struct Readiness {
    state: Arc<State>,
    runtime: Handle,
}

struct State {
    server: Server,
    breaker: Breaker,
    secrets: Vec<Fingerprint>,
    emails: Emails,
    is_done: AtomicBool,
    failed: Mutex<Option<(Instant, StoreError)>>,
}

impl Readiness {
    pub fn new(options: &Options, breaker: &Breaker, runtime: Handle) -> Self {
        let state = State {
            server: options.primary.clone(),
            breaker: breaker.clone(),
            secrets: options.secrets.clone(),
            emails: options.emails.clone(),
            is_done: AtomicBool::new(false),
            failed: Mutex::default(),
        };
        Self { state: Arc::new(state), runtime }
    }

    /// Whether it is.
    pub fn is_done(&self) -> bool {
        self.state.is_done.load(Ordering::Acquire)
    }

    /// Returns when it is done, for those who cannot do without. A verdict is not theirs: the process ends by it,
    /// and until it has, this is as any outage.
    pub async fn wait_for(&self, limit: Duration) -> Result<(), StoreError> {
        self.wait(limit).await.map_err(|error| match error {
            StoreError::Refused(verdict) => StoreError::Unavailable(verdict),
            error => error,
        })
    }

    /// Returns when it is done. An attempt that takes longer goes on without the caller.
    pub async fn wait(&self, limit: Duration) -> Result<(), StoreError> {
        if self.is_done() {
            return Ok(());
        }
        let (state, arrived) = (self.state.clone(), Instant::now());
        let attempt = self.runtime.spawn(async move { state.attempt(arrived).await });
        match timeout(limit, attempt).await {
            Ok(attempt) => attempt.map_err(|error| StoreError::Unavailable(error.to_string()))?,
            Err(_) => Err(out_of_reach(&"the first contact is not made yet")),
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
        let attempt = self.contact().await;
        match &attempt {
            Ok(()) => self.is_done.store(true, Ordering::Release),
            Err(error) => *failed = Some((Instant::now(), error.clone())),
        }
        attempt
    }

    async fn contact(&self) -> Result<(), StoreError> {
        let lost = |trouble| out_of_reach(&format_args!("{}: {trouble}", self.server));
        self.breaker.probe().await.map_err(lost)?;
        contact::first(&self.server, &self.secrets, &self.emails).await
    }
}
