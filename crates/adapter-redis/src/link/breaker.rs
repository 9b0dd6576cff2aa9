//! What is known about the connection.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use activity_domain::counting::Counter;
use activity_domain::error::Degraded;
use tokio::sync::watch;

/// How Redis is, as far as is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is not asked. Something in the background finds out when it is back.
    Lost(String),
    /// It answers.
    Up(Contact),
}

/// An unbroken time of answers from one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Different from those before.
    pub number: u64,
    /// What the server calls the history of its data. Another one has begun where a replica took over, and where a server
    /// has forgotten everything. `None` where keys are spread over several servers, or nobody may know.
    pub history: Option<String>,
}

/// So long a refusal is told of.
const RECENT: Duration = Duration::from_secs(2);

/// Keeps the state, and tells it.
pub(super) struct Breaker {
    /// What the connection is for.
    name: &'static str,
    state: watch::Sender<State>,
    /// How often it was lost.
    losses: Counter,
    /// Since when it is lost, or is not.
    since: Mutex<Instant>,
    /// When Redis last refused something, and the code.
    refusal: Mutex<Option<(Instant, String)>>,
}

impl Breaker {
    /// Nothing is known at first, and so nothing asked.
    pub fn new(name: &'static str) -> Self {
        let state = watch::Sender::new(State::Lost("not connected yet".to_owned()));
        let (losses, since) = (Counter::default(), Mutex::new(Instant::now()));
        Self { name, state, losses, since, refusal: Mutex::default() }
    }

    /// Whether Redis may be asked.
    pub fn check(&self) -> Result<(), Degraded> {
        match &*self.state.borrow() {
            State::Up(_) => Ok(()),
            State::Lost(reason) => Err(degraded(reason)),
        }
    }

    /// Waits until Redis is lost. What happens from the call on counts, not from the first look.
    pub fn lost(&self) -> impl Future<Output = Degraded> + use<> {
        let mut states = self.states();
        async move {
            loop {
                if states.changed().await.is_err() {
                    return degraded("nobody looks after it any more");
                }
                match &*states.borrow_and_update() {
                    State::Lost(reason) => return degraded(reason),
                    State::Up(_) => {}
                }
            }
        }
    }

    /// From now on Redis is lost. Of several reasons the first stays.
    pub fn open(&self, reason: &str) -> Degraded {
        let is_new = self.state.send_if_modified(|state| {
            let was_up = matches!(state, State::Up(_));
            if was_up {
                *state = State::Lost(reason.to_owned());
            }
            was_up
        });
        if is_new {
            self.begin();
            self.losses.add();
            tracing::warn!(link = self.name, reason, "Redis is lost");
        }
        degraded(reason)
    }

    /// Why it cannot be reached, where that will not mend itself. It stands in place of what came of it.
    pub fn explain(&self, reason: &str) {
        let is_new = self.state.send_if_modified(|state| match state {
            State::Lost(told) if told != reason => {
                reason.clone_into(told);
                true
            }
            State::Lost(_) | State::Up(_) => false,
        });
        if is_new {
            tracing::error!(link = self.name, reason, "Redis cannot be reached");
        }
    }

    /// Redis has answered. A new contact begins.
    pub fn close(&self, number: u64, history: Option<String>) {
        let contact = Contact { number, history };
        let lost_ms = match &*self.state.borrow() {
            State::Lost(_) => u64::try_from(self.begin().as_millis()).unwrap_or(u64::MAX),
            // Another server answers, and nobody has missed it.
            State::Up(_) => 0,
        };
        tracing::info!(link = self.name, contact.number, lost_ms, "Redis answers");
        self.state.send_replace(State::Up(contact));
    }

    /// Redis has refused something, in these words.
    pub fn refused(&self, words: &str) {
        let code = words.split_whitespace().next().unwrap_or_default();
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = refusal.as_ref().is_none_or(|(when, known)| when.elapsed() > RECENT || known != code);
        *refusal = Some((Instant::now(), code.to_owned()));
        if is_new {
            tracing::warn!(link = self.name, words, "Redis refuses");
        }
    }

    pub fn refusal(&self) -> Option<String> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.as_ref().filter(|(when, _)| when.elapsed() < RECENT).map(|(_, code)| code.clone())
    }

    pub fn losses(&self) -> u64 {
        self.losses.get()
    }

    pub fn lasts(&self) -> Duration {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// From now on it is otherwise. Returns how long it was as before.
    fn begin(&self) -> Duration {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *since, Instant::now()).elapsed()
    }

    pub fn contact(&self) -> Option<u64> {
        match &*self.state.borrow() {
            State::Up(contact) => Some(contact.number),
            State::Lost(_) => None,
        }
    }

    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }
}

fn degraded(reason: &str) -> Degraded {
    Degraded(format!("Redis is lost: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_only_while_answers_come() {
        let breaker = Breaker::new("test");
        assert!(breaker.check().is_err());
        breaker.close(1, None);
        assert_eq!(breaker.check(), Ok(()));
        breaker.open("first");
        breaker.open("second");
        assert_eq!(breaker.state(), State::Lost("first".to_owned()));
        assert_eq!(breaker.check(), Err(Degraded("Redis is lost: first".to_owned())));
        breaker.explain("third");
        assert_eq!(breaker.state(), State::Lost("third".to_owned()));
        breaker.close(2, Some("x".to_owned()));
        breaker.explain("fourth");
        assert_eq!(breaker.state(), State::Up(Contact { number: 2, history: Some("x".to_owned()) }));
    }
}
