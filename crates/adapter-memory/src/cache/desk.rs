//! Who has the lease of which key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use activity_domain::cache::{CacheKey, Scope};
use activity_domain::span::{Minute, Span};
use activity_domain::time::Timestamp;
use tokio::sync::watch;

use super::elapsed;

/// The leases that are out. There are as many as there are computations under way.
#[derive(Default)]
pub(super) struct Desk {
    leases: HashMap<CacheKey, Slip>,
    /// Leases are numbered, so that one that was voided is not taken for its successor.
    last: u64,
    /// The end of the latest span that a lease was ever given for: what happens after it makes nothing
    /// wrong, and most events do.
    end: Option<Minute>,
}

/// A lease that is out.
pub(super) struct Slip {
    number: u64,
    since: Timestamp,
    pub span: Span,
    /// Those who wait see it go away.
    done: watch::Sender<()>,
}

/// Whose lease it is.
pub(super) enum Held {
    /// The caller's, with its number.
    ByYou(u64),
    /// Somebody else's. The receiver's sender goes away with it.
    ByAnother(watch::Receiver<()>),
}

impl Desk {
    /// Asks for the lease of a key. One that is older than `lease` is taken away from its holder.
    pub fn ask(&mut self, key: &CacheKey, now: Timestamp, lease: Duration) -> Held {
        let slip = match self.leases.entry(key.clone()) {
            Entry::Occupied(out) => {
                let age = elapsed(out.get().since, now);
                if age.is_some_and(|age| age < lease) {
                    return Held::ByAnother(out.get().done.subscribe());
                }
                out.into_mut()
            }
            Entry::Vacant(free) => {
                let span = key.question.span();
                self.end = self.end.max(Some(span.to));
                free.insert(Slip { number: 0, since: now, span, done: watch::Sender::new(()) })
            }
        };
        self.last += 1;
        (slip.number, slip.since) = (self.last, now);
        Held::ByYou(self.last)
    }

    /// Takes a lease back, if it is still good.
    pub fn give_back(&mut self, key: &CacheKey, number: u64) -> Option<Slip> {
        self.leases.get(key).filter(|slip| slip.number == number)?;
        self.leases.remove(key)
    }

    /// Voids leases. Says whether there may be values to be forgotten too.
    pub fn forget(&mut self, scope: &Scope) -> bool {
        let (Some(first), Some(end)) = (scope.first(), self.end) else { return false };
        if first >= end {
            return false;
        }
        self.leases.retain(|key, slip| !scope.covers(&key.question, slip.span));
        true
    }
}
