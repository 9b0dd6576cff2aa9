//! Who wants to know that something changed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::live::{About, Hint, Scope};
use activity_domain::port::Hints;
use async_trait::async_trait;
use tokio::sync::watch;

/// Those who wait, by what they wait for. `None` once there is nothing more to wait for.
pub struct Board(Mutex<Option<HashMap<About, watch::Sender<()>>>>);

impl Board {
    pub fn new() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    fn waiting(&self) -> MutexGuard<'_, Option<HashMap<About, watch::Sender<()>>>> {
        // Nothing panics halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hint(&self, hints: &[Hint]) {
        let waiting = self.waiting();
        let Some(waiting) = waiting.as_ref().filter(|waiting| !waiting.is_empty()) else { return };
        let tell = |about: &About| {
            if let Some(one) = waiting.get(about) {
                one.send_replace(());
            }
        };
        for hint in hints {
            match hint {
                Hint::Usage(client) => tell(&About::Usage(Scope::Client(client.clone()))),
                Hint::Clients | Hint::Erased(_) => tell(&About::Clients),
                Hint::Late => tell(&About::Late),
            }
        }
        if hints.iter().any(|hint| matches!(hint, Hint::Usage(_))) {
            tell(&About::Usage(Scope::Everybody));
        }
    }

    pub fn wait(&self, about: About) -> Box<dyn Hints> {
        let mut waiting = self.waiting();
        let Some(waiting) = waiting.as_mut() else {
            // Without a sender it is told at once that there is nothing more.
            return Box::new(Waiter(watch::channel(()).1));
        };
        waiting.retain(|_, one| one.receiver_count() > 0);
        Box::new(Waiter(waiting.entry(about).or_insert_with(|| watch::channel(()).0).subscribe()))
    }

    pub fn close(&self) {
        *self.waiting() = None;
    }
}

struct Waiter(watch::Receiver<()>);

#[async_trait]
impl Hints for Waiter {
    async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
