//! How far each source has come, as far as was heard of here.

use std::collections::HashMap;
use std::time::Duration;

use activity_domain::id::ClientId;
use activity_domain::live::{Place, Scope, SourceId};
use tokio::time::Instant;

/// How far a source has come.
pub struct Head {
    /// The number of its latest event.
    pub number: u64,
    /// The number of each client's latest event.
    clients: HashMap<ClientId, u64>,
    /// Whether it was heard of from its first event on: who has no number then has no event.
    is_whole: bool,
    /// Whether events of it did not come.
    pub has_lost: bool,
    heard: Instant,
}

impl Head {
    /// The number of a client's latest event; `None` if it has not been heard of here and may have some.
    pub fn own(&self, client: &ClientId) -> Option<u64> {
        self.clients.get(client).copied().or(self.is_whole.then_some(0))
    }

    /// The number of the latest event in a scope.
    pub fn number_in(&self, scope: &Scope) -> Option<u64> {
        match scope {
            Scope::Everybody => Some(self.number),
            Scope::Client(client) => self.own(client),
        }
    }

    pub fn set_own(&mut self, client: &ClientId, number: u64) {
        match self.clients.get_mut(client) {
            Some(known) => *known = number,
            None => {
                self.clients.insert(client.clone(), number);
            }
        }
    }

    /// How many clients it keeps numbers of.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }
}

/// All that are known; bounded.
#[derive(Default)]
pub struct Heads(HashMap<SourceId, Head>);

impl Heads {
    pub fn get(&self, source: SourceId) -> Option<&Head> {
        self.0.get(&source)
    }

    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Head)> {
        self.0.iter().map(|(source, head)| (*source, head))
    }

    /// A source is heard of. If it was not known, it begins behind a number, and is whole or not.
    pub fn hear(&mut self, source: SourceId, behind: u64, is_whole: bool, now: Instant) -> &mut Head {
        if !self.0.contains_key(&source) && self.0.len() >= Place::MAX_SOURCES {
            self.drop_quietest(source);
        }
        let head = self.0.entry(source).or_insert_with(|| Head {
            number: behind,
            clients: HashMap::new(),
            is_whole,
            has_lost: false,
            heard: now,
        });
        head.heard = now;
        head
    }

    fn drop_quietest(&mut self, but: SourceId) {
        let others = self.0.iter().filter(|(source, _)| **source != but);
        if let Some(quietest) = others.min_by_key(|(_, head)| head.heard).map(|(source, _)| *source) {
            self.0.remove(&quietest);
        }
    }

    /// Forgets whoever has been quiet for long, but for one.
    pub fn expire(&mut self, age: Duration, but: SourceId, now: Instant) {
        self.0.retain(|source, head| *source == but || now - head.heard <= age);
    }

    pub fn remove(&mut self, source: SourceId) {
        self.0.remove(&source);
    }
}
