//! Replicas: who answers what need not be of this moment.
//!
//! A watcher compares what each replica has replayed with what the primary had written a moment before. One
//! that is behind, does not answer, or is no replica any more is passed over until it is found well again; so an
//! outage costs the questions of one moment their time, and not every question its own. What no replica
//! answers, the primary does.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use activity_domain::error::StoreError;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::ailment::Ailment;
use crate::breaker::Breaker;
use crate::options::{Options, Server};
use crate::pools::{Connections, Work};

mod watcher;

/// How long a server may take to say where it stands.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a question waits for a connection to a replica before it goes elsewhere.
const WAIT: Duration = Duration::from_millis(250);
/// Replicas that one question is put to.
const ATTEMPTS: usize = 2;

/// One of them.
pub(crate) struct Replica {
    pub connections: Connections,
    /// A connection for the watcher, so that many questions do not look like an outage.
    checks: Connections,
    server: Server,
    ailment: Mutex<Option<Ailment>>,
    /// What it had not replayed when it last said so, in bytes.
    behind: AtomicU64,
    /// Whether the watcher hears nothing from it.
    is_lost: watch::Sender<bool>,
}

impl Replica {
    fn new(server: &Server, readers: u32) -> Self {
        Self {
            connections: Connections::new(server, readers, WAIT, Work::Reading),
            checks: Connections::new(server, 1, PATIENCE, Work::Reading),
            server: server.clone(),
            // Until the watcher has seen it.
            ailment: Mutex::new(Some(Ailment::Unknown)),
            behind: AtomicU64::new(0),
            is_lost: watch::Sender::default(),
        }
    }

    /// Passes it over until the watcher finds it well.
    pub fn suspect(&self, trouble: &StoreError) {
        self.note(Some((self.connections.ailment(), trouble)));
    }

    /// Notes how the watcher found it. One that is only behind still answers those who asked before.
    fn found(&self, trouble: Option<(Ailment, &StoreError)>) {
        self.note(trouble);
        let is_lost = trouble.is_some_and(|(ailment, _)| ailment != Ailment::Behind);
        self.is_lost.send_if_modified(|lost| std::mem::replace(lost, is_lost) != is_lost);
    }

    fn note(&self, trouble: Option<(Ailment, &StoreError)>) {
        let ailment = trouble.map(|(ailment, _)| ailment);
        let before =
            std::mem::replace(&mut *self.ailment.lock().unwrap_or_else(PoisonError::into_inner), ailment);
        match trouble {
            None if before.is_some() => tracing::info!(replica = %self.server, "a replica answers questions"),
            Some((_, error)) if before.is_none() || before == Some(Ailment::Unknown) => {
                tracing::warn!(replica = %self.server, %error, "a replica is passed over");
            }
            _ => {}
        }
    }

    /// Returns when the watcher hears nothing from it.
    pub async fn lost(&self) {
        let mut is_lost = self.is_lost.subscribe();
        if is_lost.wait_for(|is_lost| *is_lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn ailment(&self) -> Option<Ailment> {
        *self.ailment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a replica does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaState {
    /// Its address.
    pub server: String,
    /// Why no questions are put to it; `None`: they are.
    pub ailment: Option<Ailment>,
    /// What it had not replayed of the primary's log when it last said so, in bytes.
    pub behind: u64,
}

/// All of them.
pub(crate) struct Replicas {
    list: Vec<Arc<Replica>>,
    turn: AtomicUsize,
    watcher: Option<AbortHandle>,
}

impl Replicas {
    /// Begins to watch them.
    pub fn new(options: &Options, breaker: &Breaker, runtime: &Handle) -> Self {
        let list: Vec<Arc<Replica>> =
            options.replicas.iter().map(|server| Arc::new(Replica::new(server, options.readers))).collect();
        let watcher = (!list.is_empty()).then(|| {
            let primary = Connections::to_primary(&options.primary, 1, PATIENCE, Work::Reading, breaker);
            runtime.spawn(watcher::run(primary, list.clone())).abort_handle()
        });
        Self { list, turn: AtomicUsize::new(0), watcher }
    }

    /// Those that a question may be put to, one after the other. Each question begins with another one.
    pub fn in_turn(&self) -> Vec<&Arc<Replica>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(self.list.len()).unwrap_or(0);
        let all = self.list.iter().cycle().skip(first).take(self.list.len());
        all.filter(|replica| replica.ailment().is_none()).take(ATTEMPTS).collect()
    }

    pub fn states(&self) -> Vec<ReplicaState> {
        let state = |replica: &Arc<Replica>| ReplicaState {
            server: replica.server.to_string(),
            ailment: replica.ailment(),
            behind: replica.behind.load(Ordering::Relaxed),
        };
        self.list.iter().map(state).collect()
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
    }
}
