//! Looks after a connection: asks how Redis is, often while it is lost and now and then while it is not, and has the
//! library connect anew where it does not notice by itself that nobody answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::InfoKind;
use fred::types::config::Server;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::time::{sleep, timeout};

use super::breaker::{Breaker, State};
use super::library::{told, trouble};
use super::pace::Pace;
use super::sentinels::Sentinels;
use super::{Options, is_an_answer};

/// Between two questions to a server that is lost.
const LOST: Duration = Duration::from_millis(50);
/// Between two questions to one that is not.
const UP: Duration = Duration::from_millis(500);
/// So many questions without an answer in a row, and the connection is given up. The library refreshes its own idea of
/// a dead connection with each write.
const SILENCES: u32 = 3;
/// It is given up at most that often: connecting takes a while.
const RECONNECTS: Duration = Duration::from_secs(1);

/// Servers of a cluster that are remembered: as many as one has at most.
const SERVERS: usize = 1_000;

/// What goes wrong with a client's connections.
pub(super) type Errors = Receiver<(Error, Option<Server>)>;

/// What is known from one look to the next.
pub(super) struct Guard {
    client: Client,
    errors: Errors,
    breaker: Arc<Breaker>,
    pace: Arc<Pace>,
    sentinels: Option<Sentinels>,
    is_cluster: bool,
    /// The servers of a cluster that were connected once.
    servers: HashSet<Server>,
    silences: u32,
    gave_up: Option<Instant>,
    contacts: u64,
}

/// Of the errors that were told meanwhile, the last that says why there is no connection.
pub(super) fn last_trouble(errors: &mut Errors) -> Option<String> {
    let mut last = None;
    loop {
        match errors.try_recv() {
            Ok((error, _)) => last = trouble(&error).or(last),
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => return last,
        }
    }
}

impl Guard {
    /// Needs a runtime; does nothing until it is run.
    pub fn new(
        client: Client,
        breaker: Arc<Breaker>,
        pace: Arc<Pace>,
        options: &Options,
    ) -> Result<Self, String> {
        let (sentinels, is_cluster) = (Sentinels::open(options)?, options.is_cluster());
        let errors = client.error_rx();
        let (silences, gave_up, contacts) = (0, None, 0);
        let servers = HashSet::new();
        Ok(Self {
            client,
            errors,
            breaker,
            pace,
            sentinels,
            is_cluster,
            servers,
            silences,
            gave_up,
            contacts,
        })
    }

    /// Watches for ever.
    pub async fn run(mut self) {
        let mut reconnects = self.client.reconnect_rx();
        let mut states = self.breaker.states();
        loop {
            // What happens from here on is news for the next look.
            let has_reconnected = self.have_reconnected(&mut reconnects);
            self.look(has_reconnected).await;
            let is_lost = matches!(*states.borrow_and_update(), State::Lost(_));
            tokio::select! {
                () = sleep(if is_lost { LOST } else { UP }) => {}
                // It was lost just now: no need to wait until it is time to look.
                _ = states.changed(), if !is_lost => {}
                // It may be back, and it may be another server.
                server = reconnects.recv() => {
                    let has_reconnected = server.map_or(true, |server| self.was_connected(server));
                    self.look(has_reconnected).await;
                }
            }
        }
    }

    /// Whether somebody is connected anew.
    fn have_reconnected(&mut self, events: &mut Receiver<Server>) -> bool {
        let mut any = false;
        loop {
            match events.try_recv() {
                Ok(server) => any |= self.was_connected(server),
                Err(TryRecvError::Lagged(_)) => any = true,
                Err(_) => return any,
            }
        }
    }

    /// Whether it may have lost what it had: one that has come to a cluster had nothing.
    fn was_connected(&mut self, server: Server) -> bool {
        if self.servers.len() == SERVERS {
            self.servers.clear();
        }
        !self.is_cluster || !self.servers.insert(server)
    }

    /// Asks, and draws the conclusion.
    async fn look(&mut self, has_reconnected: bool) {
        let begun = Instant::now();
        match self.ask().await {
            Ok(history) => {
                // It has waited longer than others do, and so knows about a link that has become slow.
                self.pace.note(begun.elapsed());
                self.silences = 0;
                let is_known = matches!(
                    self.breaker.state(),
                    State::Up(contact) if contact.history == history && !has_reconnected
                );
                if !is_known {
                    self.contacts += 1;
                    self.breaker.close(self.contacts, history);
                }
                self.leave_an_old_primary().await;
            }
            Err(error) => {
                let _ = self.breaker.open(&told(&error));
                self.explain();
                if *error.kind() == ErrorKind::Timeout {
                    self.silences += 1;
                    self.give_up_if_silent().await;
                } else {
                    self.silences = 0;
                }
            }
        }
    }

    /// Says why there is no connection, if that is known.
    fn explain(&mut self) {
        let ours = last_trouble(&mut self.errors);
        // The library does not say why it gets no answer of a Sentinel.
        let reason = ours.or_else(|| self.sentinels.as_mut()?.trouble());
        if let Some(reason) = reason {
            self.breaker.explain(&reason);
        }
    }

    /// What history of data answers.
    async fn ask(&self) -> Result<Option<String>, Error> {
        if !self.client.is_connected() {
            return Err(Error::new(ErrorKind::Canceled, "not connected"));
        }
        if self.is_cluster {
            self.client.ping::<()>(None).await?;
            return Ok(None);
        }
        let info: String = match self.client.info(Some(InfoKind::Replication)).await {
            // A user may be without the right to ask that; then nobody says which history it is.
            Err(error) if is_an_answer(&error) => return Ok(None),
            info => info?,
        };
        let field = |name| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("role:") == Some("slave") {
            return Err(Error::new(ErrorKind::Routing, "it is a replica"));
        }
        Ok(field("master_replid:").map(str::to_owned))
    }

    async fn give_up_if_silent(&mut self) {
        if self.silences >= SILENCES {
            self.connect_anew("it does not answer").await;
        }
    }

    async fn leave_an_old_primary(&mut self) {
        if let Some(sentinels) = &self.sentinels
            && sentinels.name_another_than(&self.client).await
        {
            self.connect_anew("another server is the primary").await;
        }
    }

    async fn connect_anew(&mut self, reason: &str) {
        if self.gave_up.is_some_and(|when| when.elapsed() < RECONNECTS) {
            return;
        }
        tracing::warn!(reason, "connecting to Redis anew");
        (self.silences, self.gave_up) = (0, Some(Instant::now()));
        // It answers when it is connected again, which may take for ever.
        let _ = timeout(RECONNECTS, self.client.force_reconnection()).await;
    }
}
