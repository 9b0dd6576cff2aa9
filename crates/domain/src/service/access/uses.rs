//! When keys were last used, noted in passing.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::KeyId;
use crate::time::Timestamp;

/// Keys in use between two writes to the store. Uses of more keys than that wait for their next use.
const MOST: usize = 10_000;
/// Uses that are closer together count as one: it saves the processors a quarrel over the same number.
const APART_MICROS: i64 = 1_000_000;

/// A key's last use.
pub(super) struct Use {
    key: KeyId,
    at: AtomicI64,
    is_noted: AtomicBool,
}

impl Use {
    pub fn new(key: KeyId, last: Option<Timestamp>) -> Self {
        let at = AtomicI64::new(last.map_or(0, Timestamp::as_micros));
        Self { key, at, is_noted: AtomicBool::new(false) }
    }
}

/// The keys that were used since the last write.
#[derive(Default)]
pub(super) struct Uses(Mutex<Vec<Arc<Use>>>);

impl Uses {
    /// A key is used now. Only the first use since the last write takes the lock.
    pub fn note(&self, used: &Arc<Use>, now: Timestamp) {
        let now = now.as_micros();
        if now - used.at.load(Ordering::Relaxed) < APART_MICROS {
            return;
        }
        used.at.fetch_max(now, Ordering::Relaxed);
        if !used.is_noted.swap(true, Ordering::AcqRel) {
            self.push(used.clone());
        }
    }

    /// Takes up to so many uses, to be written.
    pub fn take(&self, most: usize) -> Vec<Arc<Use>> {
        let mut noted = self.lock();
        let rest = noted.len().saturating_sub(most);
        let taken = noted.split_off(rest);
        drop(noted);
        for used in &taken {
            used.is_noted.store(false, Ordering::Release);
        }
        taken
    }

    /// Takes uses back that could not be written.
    pub fn put_back(&self, taken: Vec<Arc<Use>>) {
        for used in taken {
            if !used.is_noted.swap(true, Ordering::AcqRel) {
                self.push(used);
            }
        }
    }

    fn push(&self, used: Arc<Use>) {
        let mut noted = self.lock();
        if noted.len() < MOST {
            noted.push(used);
        } else {
            used.is_noted.store(false, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Use>>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uses as the store takes them.
pub(super) fn stamped(uses: &[Arc<Use>]) -> Vec<(KeyId, Timestamp)> {
    let stamp = |used: &Arc<Use>| {
        let at = Timestamp::from_micros(used.at.load(Ordering::Relaxed)).ok()?;
        Some((used.key.clone(), at))
    };
    uses.iter().filter_map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn key(number: usize) -> Arc<Use> {
        Arc::new(Use::new(KeyId::parse(&format!("key{number:09}")).unwrap(), None))
    }

    #[test]
    fn a_key_is_noted_once_with_its_latest_use() {
        let (uses, one) = (Uses::default(), key(1));
        for second in [10, 20, 15] {
            uses.note(&one, at(second));
        }
        assert_eq!(stamped(&uses.take(9)), [(one.key.clone(), at(20))]);
        assert!(uses.take(9).is_empty());
        uses.note(&one, at(30));
        let taken = uses.take(9);
        uses.put_back(taken);
        uses.note(&one, at(40));
        assert_eq!(stamped(&uses.take(9)), [(one.key.clone(), at(40))]);
    }

    #[test]
    fn more_keys_than_there_is_room_for_wait_for_their_next_use() {
        let uses = Uses::default();
        let keys: Vec<_> = (0..=MOST).map(key).collect();
        for key in &keys {
            uses.note(key, at(10));
        }
        let mut taken = 0;
        loop {
            let some = uses.take(999).len();
            taken += some;
            if some == 0 {
                break;
            }
        }
        assert_eq!(taken, MOST);
        uses.note(&keys[MOST], at(20));
        assert_eq!(uses.take(9).len(), 1);
    }
}
