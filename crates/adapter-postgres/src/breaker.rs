//! A breaker in front of the primary: once it cannot be reached, questions are refused at once, and need not each
//! find out for themselves.
//!
//! Attempts to connect open and close it, whoever makes them; a statement that fails does not. While it is open, a
//! probe tries to connect again and again. One that freezes takes no notice of those who are connected: a question
//! that takes long makes an attempt. Batches are not refused: the drainer has a pace of its own, and its
//! attempts close the breaker as well as any.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::ailment::Ailment;
use crate::counts::Counters;
use crate::options::Server;
use crate::pools::{self, NotConnected};
use crate::statement::statement;

/// Before the first probe; the pauses double up to [`PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Between two probes.
const PAUSE: Duration = Duration::from_millis(500);
/// For the first answer on a new connection.
const ANSWER: Duration = Duration::from_secs(5);

/// Shared by all who connect to one primary.
#[derive(Clone)]
pub(crate) struct Breaker(Arc<Inner>);

struct Inner {
    server: Server,
    runtime: Handle,
    state: watch::Sender<State>,
    /// The newest history of the primary that was seen; 0: none yet.
    timeline: AtomicU32,
    /// Whether somebody is looking at it.
    is_doubted: AtomicBool,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct State {
    /// Why it is open.
    trouble: Option<NotConnected>,
    /// How often it was opened, so that a probe knows whether it is still its turn.
    openings: u64,
}

impl Breaker {
    pub fn new(server: &Server, runtime: &Handle, counters: &Arc<Counters>) -> Self {
        Self(Arc::new(Inner {
            server: server.clone(),
            runtime: runtime.clone(),
            state: watch::Sender::default(),
            timeline: AtomicU32::new(0),
            is_doubted: AtomicBool::new(false),
            counters: counters.clone(),
        }))
    }

    /// Connects, and takes note of how that ends.
    pub async fn connect(&self, session: &str) -> Result<AsyncPgConnection, NotConnected> {
        let connected = match pools::connect(&self.0.server, session).await {
            Ok(connection) => self.recognise(connection).await,
            failed => failed,
        };
        match &connected {
            Ok(_) => self.close(),
            Err(error) => self.open(error),
        }
        connected
    }

    /// Looks whose history a primary has: a server that was promoted begins a new one.
    async fn recognise(&self, mut connection: AsyncPgConnection) -> Result<AsyncPgConnection, NotConnected> {
        let asked = Timeline {}.get_result::<Option<String>>(&mut connection);
        let silent =
            |_| NotConnected { ailment: Ailment::Silent, reason: "no answer after the greeting".into() };
        let timeline = timeout(ANSWER, asked).await.map_err(silent)?;
        // Whoever may not ask that may work all the same.
        if let Some(new) = timeline.ok().flatten().and_then(|digits| u32::from_str_radix(&digits, 16).ok()) {
            let old = self.0.timeline.fetch_max(new, Ordering::Relaxed);
            if old != 0 && old < new {
                self.0.counters.failovers.add();
                tracing::warn!(primary = %self.0.server, timeline = new, "another server takes writes now");
            }
        }
        Ok(connection)
    }

    fn open(&self, error: &NotConnected) {
        let mut opened = None;
        self.0.state.send_modify(|state| {
            if state.trouble.replace(error.clone()).is_none() {
                state.openings += 1;
                opened = Some(state.openings);
            }
        });
        if let Some(opening) = opened {
            self.0.counters.openings.add();
            tracing::warn!(primary = %self.0.server, %error, "the primary is lost; questions to it are refused");
            self.0.runtime.spawn(probe_until_closed(Arc::downgrade(&self.0), opening));
        }
    }

    fn close(&self) {
        let mut is_over = false;
        self.0.state.send_if_modified(|state| {
            is_over = state.trouble.take().is_some();
            is_over
        });
        if is_over {
            tracing::info!(primary = %self.0.server, "the primary is reached again");
        }
    }

    /// Returns when a question is to be refused, with the reason. A server that lets in nobody new may still serve
    /// those who have connections.
    pub async fn refusal(&self, has_connections: impl Fn() -> bool) -> NotConnected {
        let is_refused = |trouble: &NotConnected| trouble.ailment.is_for_all() || !has_connections();
        let mut state = self.0.state.subscribe();
        let found = state.wait_for(|state| state.trouble.as_ref().is_some_and(is_refused)).await;
        match found.ok().and_then(|state| state.trouble.clone()) {
            Some(trouble) => {
                self.0.counters.refused.add();
                trouble
            }
            // The store is gone.
            None => std::future::pending().await,
        }
    }

    /// Why it is open, if it is.
    pub fn trouble(&self) -> Option<NotConnected> {
        self.0.state.borrow().trouble.clone()
    }

    /// An answer takes long: looks whether anybody is there. Many doubts at once are one look.
    pub fn doubt(&self) {
        if !self.0.is_doubted.swap(true, Ordering::AcqRel) {
            let breaker = self.clone();
            self.0.runtime.spawn(async move {
                // It tells itself how that ended.
                let _ = breaker.probe().await;
                breaker.0.is_doubted.store(false, Ordering::Release);
            });
        }
    }

    /// Tries to connect, for nothing but to see whether that works.
    pub async fn probe(&self) -> Result<(), NotConnected> {
        self.connect(SESSION).await.map(drop)
    }
}

const SESSION: &str = "SET statement_timeout = '2s'; SET application_name = 'activity-tracker probe'";

/// A store that is dropped ends its probe.
async fn probe_until_closed(breaker: Weak<Inner>, opening: u64) {
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
        let Some(inner) = breaker.upgrade() else { return };
        let breaker = Breaker(inner);
        let is_due = {
            let state = breaker.0.state.borrow();
            state.openings == opening && state.trouble.is_some()
        };
        if !is_due || breaker.probe().await.is_ok() {
            return;
        }
    }
}

statement! {
    /// The number of a primary's history, in hexadecimal digits; NULL of a replica.
    Timeline {} -> Nullable<Text> =
        "SELECT CASE WHEN NOT pg_is_in_recovery() \
             THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
}
