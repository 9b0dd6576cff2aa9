//! The one place that knows the client library (fred), its settings and its traps: a connection to Redis for commands,
//! shared by all that runs on it.
//!
//! | Module | Holds |
//! |---|---|
//! | this one | [`Link`]: runs commands, or says at once that it cannot |
//! | `options`, `tls` | where Redis is; who is trusted |
//! | `library` | what the library is told about time-outs, queues and reconnecting |
//! | `script` | scripts in Lua |
//! | `sentinels` | which server is the primary |
//! | `breaker` | [`State`], and what makes it change |
//! | `pace` | how long an answer is waited for |
//! | `guard` | looking after the connection, whether it is used or not |
//!
//! An outage costs those who are asking at that moment one wait, and nobody after them: from the first failure on the answer
//! is [`Degraded`] at once, also to those who wait, until a question in the background has been answered. How long the wait
//! is goes by how long answers take: less than half of a tenth of a second where they are quick.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::error::Degraded;
use fred::clients::Client;
use fred::error::Error;
#[cfg(test)]
use fred::error::ErrorKind;
use fred::interfaces::{ClientLike, KeysInterface};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod breaker;
mod guard;
mod library;
mod options;
pub(crate) mod pace;
mod script;
mod sentinels;
mod tls;

pub use breaker::{Contact, State};
pub(crate) use library::{keep_connected, quit, subscriber};
pub use options::Options;
pub(crate) use options::{Login, Place};
pub(crate) use script::Script;
pub(crate) use tls::trouble as tls_trouble;

use breaker::Breaker;
use guard::Guard;
use pace::Pace;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// What is asked for is on its way to another server of a cluster. Whatever is elsewhere has answers.
    Moving,
    /// Redis is lost, or refuses.
    Degraded(Degraded),
}

impl From<NoAnswer> for Degraded {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Moving => Self("Redis moves what is asked for to another server".to_owned()),
            NoAnswer::Degraded(degraded) => degraded,
        }
    }
}

impl From<Degraded> for NoAnswer {
    fn from(degraded: Degraded) -> Self {
        Self::Degraded(degraded)
    }
}

/// A connection to Redis. Clones share it; it ends with the last.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    breaker: Arc<Breaker>,
    pace: Arc<Pace>,
    tasks: Vec<JoinHandle<()>>,
}

impl Link {
    /// Begins to connect, and goes on in the background; the server may come later. The error says why that will never
    /// succeed. Needs a runtime.
    pub fn open(options: &Options) -> Result<Self, String> {
        let client = library::client(options)?;
        let (breaker, pace) =
            (Arc::new(Breaker::new(options.name())), Arc::new(Pace::new(options.patience())));
        let connecting = keep_connected(client.clone());
        let guard = Guard::new(client.clone(), breaker.clone(), pace.clone(), options)?;
        let watching = tokio::spawn(guard.run());
        Ok(Self(Arc::new(Inner { client, breaker, pace, tasks: vec![connecting, watching] })))
    }

    /// Runs commands, as [`Link::ask`] does.
    pub async fn run<T>(
        &self,
        commands: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Degraded> {
        self.ask(commands).await.map_err(Degraded::from)
    }

    /// Forgets keys that are on one server.
    pub(crate) async fn forget(&self, keys: Vec<String>) -> Result<(), Degraded> {
        self.run(async |client| match client.unlink::<(), _>(keys.clone()).await {
            // It is known now where they are.
            Err(error) if library::is_sent_away(&error) => client.unlink(keys).await,
            done => done,
        })
        .await
    }

    /// Runs commands, unless Redis is known to be lost. An error of theirs that says that it is makes it known.
    pub async fn ask<T>(
        &self,
        commands: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, NoAnswer> {
        let Inner { client, breaker, pace, .. } = &*self.0;
        let lost = breaker.lost();
        breaker.check()?;
        if !client.is_connected() {
            return Err(breaker.open("the connection is lost").into());
        }
        let answer = tokio::select! {
            biased;
            // The library's futures are large.
            answer = pace.keep(Box::pin(commands(client))) => answer,
            // Somebody else has noticed.
            degraded = lost => return Err(degraded.into()),
        };
        match answer {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) if library::is_sent_away(&error) => Err(NoAnswer::Moving),
            Some(Err(error)) if is_an_answer(&error) => {
                breaker.refused(error.details());
                Err(Degraded(format!("Redis refuses: {}", error.details())).into())
            }
            Some(Err(error)) => Err(breaker.open(&library::told(&error)).into()),
            None => Err(breaker.open(library::LATE).into()),
        }
    }

    /// How it is now.
    pub fn state(&self) -> State {
        self.0.breaker.state()
    }

    /// How often it was lost, since the start.
    pub fn losses(&self) -> u64 {
        self.0.breaker.losses()
    }

    /// How long it has been lost, or has not been.
    pub fn lasts(&self) -> Duration {
        self.0.breaker.lasts()
    }

    /// The code, such as `OOM`, with which Redis has refused something in the last two seconds.
    pub fn refusal(&self) -> Option<String> {
        self.0.breaker.refusal()
    }

    /// The number of the present contact, if there is one.
    pub fn contact(&self) -> Option<u64> {
        self.0.breaker.contact()
    }

    /// Follows how it is.
    pub fn states(&self) -> watch::Receiver<State> {
        self.0.breaker.states()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        quit(self.client.clone());
    }
}

/// Whether it is Redis that says so, which then is there: out of memory, say, or without the right to. Its errors begin
/// with a code in capitals, and those of the library do not.
fn is_an_answer(error: &Error) -> bool {
    const LOST: [&str; 6] = ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOREPLICAS", "READONLY", "UNBLOCKED"];
    let code = error.details().split_whitespace().next().unwrap_or_default();
    let is_code = code.len() > 2 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_code && !LOST.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_moves_is_no_loss_and_no_refusal() {
        let of = |kind, text: &'static str| library::is_sent_away(&Error::new(kind, text));
        assert!(of(ErrorKind::Routing, "Too many redirections."));
        assert!(of(ErrorKind::Unknown, "TRYAGAIN Multiple keys request during rehashing of slot"));
        assert!(!of(ErrorKind::Routing, "Max attempts reached."));
        assert!(!of(ErrorKind::Unknown, "OOM command not allowed when used memory > 'maxmemory'."));
    }

    #[test]
    fn an_answer_is_told_from_a_loss() {
        let of = |text: &'static str| is_an_answer(&Error::new(ErrorKind::Unknown, text));
        for answer in ["OOM command not allowed when used memory > 'maxmemory'.", "NOPERM no", "ERR unknown"]
        {
            assert!(of(answer), "{answer}");
        }
        for lost in ["READONLY You can't write", "LOADING Redis is", "Client is not initialized.", "", "A b"]
        {
            assert!(!of(lost), "{lost}");
        }
    }
}
