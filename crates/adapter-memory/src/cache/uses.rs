//! How often each key is asked for, and what it costs. An answer from the cache bumps three atomics that
//! its entry holds; the table is touched by those who go to the store anyway.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_domain::cache::{CacheKey, Heat, KeyUse};
use activity_domain::time::Timestamp;

/// How many keys are known. When there are more, a tenth of them leaves: those that were not asked for
/// for the longest time.
const MAX_KEYS: usize = 10_000;

/// The uses of one key.
#[derive(Debug, Default)]
pub(super) struct KeyUses {
    hits: AtomicU64,
    misses: AtomicU64,
    cost_micros: AtomicU64,
    last_asked: AtomicI64,
}

impl KeyUses {
    pub fn hit(&self, now: Timestamp) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.last_asked.store(now.as_micros(), Ordering::Relaxed);
    }

    pub fn miss(&self, now: Timestamp) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.last_asked.store(now.as_micros(), Ordering::Relaxed);
    }

    pub fn took(&self, cost: Duration) {
        let micros = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX);
        self.cost_micros.store(micros, Ordering::Relaxed);
    }

    fn read(&self, key: &CacheKey) -> Option<KeyUse> {
        Some(KeyUse {
            key: key.clone(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            cost: Duration::from_micros(self.cost_micros.load(Ordering::Relaxed)),
            last_asked: Timestamp::from_micros(self.last_asked.load(Ordering::Relaxed)).ok()?,
        })
    }
}

/// The uses of all keys.
#[derive(Debug, Default)]
pub(super) struct Uses {
    keys: Mutex<HashMap<CacheKey, Arc<KeyUses>>>,
}

impl Uses {
    /// The uses of a key, which is known from now on.
    pub fn of(&self, key: &CacheKey, now: Timestamp) -> Arc<KeyUses> {
        let mut keys = self.keys();
        if let Some(uses) = keys.get(key) {
            return uses.clone();
        }
        if keys.len() >= MAX_KEYS {
            forget_oldest(&mut keys);
        }
        let uses = Arc::new(KeyUses::default());
        uses.last_asked.store(now.as_micros(), Ordering::Relaxed);
        keys.insert(key.clone(), uses.clone());
        uses
    }

    /// The hottest keys, hottest first; ties by their text.
    pub fn hottest(&self, by: Heat, limit: usize) -> Vec<KeyUse> {
        let mut uses: Vec<KeyUse> = self.keys().iter().filter_map(|(key, uses)| uses.read(key)).collect();
        let heat = |used: &KeyUse| match by {
            Heat::Asked => u128::from(used.hits) + u128::from(used.misses),
            Heat::Missed => u128::from(used.misses) * used.cost.as_micros(),
        };
        uses.sort_by_cached_key(|used| (Reverse(heat(used)), used.key.to_string()));
        uses.truncate(limit);
        uses
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<CacheKey, Arc<KeyUses>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest(keys: &mut HashMap<CacheKey, Arc<KeyUses>>) {
    let asked = |uses: &KeyUses| uses.last_asked.load(Ordering::Relaxed);
    let mut times: Vec<i64> = keys.values().map(|uses| asked(uses)).collect();
    let mut leaving = keys.len() / 10;
    let (_, border, _) = times.select_nth_unstable(leaving.saturating_sub(1));
    let border = *border;
    // Of many at that very instant only some have to go.
    keys.retain(|_, uses| {
        let leaves = leaving > 0 && asked(uses) <= border;
        leaving -= usize::from(leaves);
        !leaves
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity_domain::cache::{CacheVersion, Question};
    use activity_domain::span::{Minute, Span};

    fn key(number: usize) -> CacheKey {
        let span = Span { from: Minute(0), to: Minute(15) };
        CacheKey {
            version: CacheVersion::parse("v1").unwrap(),
            question: Question::Top { span, limit: number },
        }
    }

    #[test]
    fn keys_are_bounded_and_the_longest_unasked_leave() {
        let uses = Uses::default();
        let at = |number: usize| Timestamp::from_seconds(i64::try_from(number).unwrap()).unwrap();
        for number in 0..MAX_KEYS {
            uses.of(&key(number), at(number)).miss(at(number));
        }
        uses.of(&key(0), at(0)).hit(at(MAX_KEYS));
        uses.of(&key(MAX_KEYS), at(MAX_KEYS)).miss(at(MAX_KEYS));
        let left = uses.hottest(Heat::Asked, MAX_KEYS);
        assert_eq!(left.len(), MAX_KEYS - MAX_KEYS / 10 + 1);
        assert_eq!((&left[0].key, left[0].hits, left[0].misses), (&key(0), 1, 1));
        assert!(left.iter().all(|used| used.key == key(0) || used.last_asked > at(MAX_KEYS / 10)));
    }

    #[test]
    fn many_at_one_instant_are_bounded_too() {
        let uses = Uses::default();
        let now = Timestamp::from_seconds(7).unwrap();
        for number in 0..3 * MAX_KEYS {
            uses.of(&key(number), now).miss(now);
        }
        assert!(uses.hottest(Heat::Asked, usize::MAX).len() <= MAX_KEYS);
    }
}
