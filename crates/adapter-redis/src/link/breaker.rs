//! What is known about the connection.

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

/// Keeps the state, and tells it.
pub(super) struct Breaker(watch::Sender<State>);

impl Breaker {
    /// Nothing is known at first, and so nothing asked.
    pub fn new() -> Self {
        Self(watch::Sender::new(State::Lost("not connected yet".to_owned())))
    }

    /// Whether Redis may be asked.
    pub fn check(&self) -> Result<(), Degraded> {
        match &*self.0.borrow() {
            State::Up(_) => Ok(()),
            State::Lost(reason) => Err(degraded(reason)),
        }
    }

    /// Waits until Redis is lost, even for a moment.
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
        let is_new = self.0.send_if_modified(|state| {
            let was_up = matches!(state, State::Up(_));
            if was_up {
                *state = State::Lost(reason.to_owned());
            }
            was_up
        });
        if is_new {
            tracing::warn!(reason, "Redis is lost");
        }
        degraded(reason)
    }

    /// Redis has answered. A new contact begins.
    pub fn close(&self, number: u64, history: Option<String>) {
        let contact = Contact { number, history };
        tracing::info!(contact.number, "Redis answers");
        self.0.send_replace(State::Up(contact));
    }

    pub fn contact(&self) -> Option<u64> {
        match &*self.0.borrow() {
            State::Up(contact) => Some(contact.number),
            State::Lost(_) => None,
        }
    }

    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }

    pub fn states(&self) -> watch::Receiver<State> {
        self.0.subscribe()
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
        let breaker = Breaker::new();
        assert!(breaker.check().is_err());
        breaker.close(1, None);
        assert_eq!(breaker.check(), Ok(()));
        breaker.open("first");
        breaker.open("second");
        assert_eq!(breaker.state(), State::Lost("first".to_owned()));
        assert_eq!(breaker.check(), Err(Degraded("Redis is lost: first".to_owned())));
        breaker.close(2, Some("x".to_owned()));
        assert_eq!(breaker.state(), State::Up(Contact { number: 2, history: Some("x".to_owned()) }));
    }
}
