//! How the cache does: counted here, and written to Redis now and then, off the way of questions.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheStats, Heat, KeyUse};
use activity_domain::error::Degraded;
use activity_domain::time::Timestamp;
use fred::types::Value;

use super::CacheOptions;
use crate::link::{Link, Script};

/// Keys whose uses wait to be written. Those of others are counted in the totals only.
const MAX_WAITING: usize = 2_048;
/// Keys that are known in Redis.
const MAX_KEYS: i64 = 10_000;
/// Keys in one call: what Lua takes at once is bounded.
const CHUNK: usize = 256;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Fresh,
    Stale,
    Missed,
}

pub(super) struct Books {
    names: Names,
    write: Script,
    read: Script,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    hits: u64,
    stale: u64,
    misses: u64,
    keys: HashMap<CacheKey, Uses>,
    values: HashMap<CacheKey, (Timestamp, u64)>,
}

#[derive(Default)]
struct Uses {
    hits: u64,
    misses: u64,
    cost: Option<Duration>,
    last: i64,
}

/// The books' keys, all on one server of a cluster.
struct Names {
    all: [String; 9],
}

const ASKED: usize = 1;
const DEAR: usize = 2;

impl Names {
    fn new(prefix: &str) -> Self {
        let parts = ["totals", "asked", "dear", "last", "hits", "misses", "costs", "ends", "sizes"];
        Self { all: parts.map(|part| format!("{prefix}{{books}}:{part}")) }
    }

    fn written(&self) -> Vec<String> {
        let bytes = format!("{}:sum", self.all[8]);
        self.all.iter().cloned().chain([bytes]).collect()
    }

    /// Those of what there is, without uses.
    fn values(&self) -> Vec<String> {
        self.written().split_off(7)
    }
}

impl Books {
    pub fn new(prefix: &str) -> Self {
        Self {
            names: Names::new(prefix),
            write: Script::new(include_str!("books.lua")),
            read: Script::new(include_str!("hottest.lua")),
            waiting: Mutex::default(),
        }
    }

    /// Counts a question.
    pub fn asked(&self, key: &CacheKey, outcome: Outcome, now: Timestamp, tracks_keys: bool) {
        let mut waiting = self.waiting();
        match outcome {
            Outcome::Missed => waiting.misses += 1,
            Outcome::Fresh | Outcome::Stale => waiting.hits += 1,
        }
        waiting.stale += u64::from(outcome == Outcome::Stale);
        if tracks_keys && let Some(uses) = waiting.uses(key) {
            if outcome == Outcome::Missed {
                uses.misses += 1;
            } else {
                uses.hits += 1;
            }
            uses.last = now.as_micros();
        }
    }

    /// Notes what a value took to compute, and that it is there.
    pub fn filled(&self, key: &CacheKey, cost: Option<Duration>, ends: Timestamp, size: u64, now: Timestamp) {
        let mut waiting = self.waiting();
        if let Some(cost) = cost
            && let Some(uses) = waiting.uses(key)
        {
            uses.cost = Some(cost);
            uses.last = now.as_micros();
        }
        if waiting.values.len() < MAX_WAITING || waiting.values.contains_key(key) {
            waiting.values.insert(key.clone(), (ends, size));
        }
    }

    /// What there is counts as nothing.
    pub async fn forget_values(&self, link: &Link) -> Result<(), Degraded> {
        self.waiting().values.clear();
        link.forget(self.names.values()).await
    }

    /// Whether something waits to be written.
    pub fn is_empty(&self) -> bool {
        let waiting = self.waiting();
        waiting.hits + waiting.misses == 0 && waiting.keys.is_empty() && waiting.values.is_empty()
    }

    /// Writes what waits. Returns how the cache does, and the keys of values that there is no room for.
    pub async fn write(
        &self,
        link: &Link,
        now: Timestamp,
        options: &CacheOptions,
    ) -> Result<(CacheStats, Vec<String>), Degraded> {
        let mut evicted = Vec::new();
        loop {
            let (chunk, is_last) = self.next();
            let arguments = chunk.arguments(now, options);
            let names = self.names.written();
            let run = link.run(async |client| self.write.run(client, names, arguments).await);
            let answer: Vec<Value> = match run.await {
                Ok(answer) => answer,
                Err(error) => {
                    self.put_back(chunk);
                    return Err(error);
                }
            };
            let (numbers, keys) = answer.split_at_checked(5).ok_or_else(nonsense)?;
            evicted.extend(keys.iter().filter_map(Value::as_string));
            if is_last {
                let number = |index: usize| numbers[index].as_u64().unwrap_or(0);
                let stats = CacheStats {
                    hits: number(0),
                    stale: number(1),
                    misses: number(2),
                    entries: number(3),
                    bytes: number(4),
                    max_bytes: options.max_bytes,
                };
                return Ok((stats, evicted));
            }
        }
    }

    /// The hottest keys, as far as they were written.
    pub async fn hottest(&self, link: &Link, by: Heat, limit: usize) -> Result<Vec<KeyUse>, Degraded> {
        let heat = &self.names.all[if by == Heat::Asked { ASKED } else { DEAR }];
        let names: Vec<String> = [heat].into_iter().chain(&self.names.all[3..7]).cloned().collect();
        let limit = i64::try_from(limit.min(1_000)).unwrap_or(1_000);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let run = link.run(async |client| self.read.run(client, names, vec![limit.into()]).await);
        let answer: Vec<Value> = run.await?;
        let uses = answer.as_chunks::<5>().0.iter().filter_map(|[key, hits, misses, cost, last]| {
            Some(KeyUse {
                key: CacheKey::parse(&key.as_string()?).ok()?,
                hits: hits.as_u64()?,
                misses: misses.as_u64()?,
                cost: Duration::from_micros(cost.as_u64()?),
                last_asked: Timestamp::from_micros(whole(last)?).ok()?,
            })
        });
        Ok(uses.collect())
    }

    /// As much as goes into one call, and whether nothing is left.
    fn next(&self) -> (Waiting, bool) {
        let mut waiting = self.waiting();
        let mut chunk = Waiting {
            hits: mem::take(&mut waiting.hits),
            stale: mem::take(&mut waiting.stale),
            misses: mem::take(&mut waiting.misses),
            ..Waiting::default()
        };
        let keys: Vec<CacheKey> = waiting.keys.keys().take(CHUNK).cloned().collect();
        chunk.keys = keys.into_iter().filter_map(|key| waiting.keys.remove_entry(&key)).collect();
        let values: Vec<CacheKey> = waiting.values.keys().take(CHUNK).cloned().collect();
        chunk.values = values.into_iter().filter_map(|key| waiting.values.remove_entry(&key)).collect();
        (chunk, waiting.keys.is_empty() && waiting.values.is_empty())
    }

    fn put_back(&self, chunk: Waiting) {
        let mut waiting = self.waiting();
        waiting.hits += chunk.hits;
        waiting.stale += chunk.stale;
        waiting.misses += chunk.misses;
        for (key, uses) in chunk.keys {
            if let Some(known) = waiting.uses(&key) {
                known.hits += uses.hits;
                known.misses += uses.misses;
                known.cost = known.cost.or(uses.cost);
                known.last = known.last.max(uses.last);
            }
        }
        for (key, value) in chunk.values {
            if waiting.values.len() < MAX_WAITING {
                waiting.values.entry(key).or_insert(value);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics halfway through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn uses(&mut self, key: &CacheKey) -> Option<&mut Uses> {
        if !self.keys.contains_key(key) {
            if self.keys.len() >= MAX_WAITING {
                return None;
            }
            self.keys.insert(key.clone(), Uses::default());
        }
        self.keys.get_mut(key)
    }

    fn arguments(&self, now: Timestamp, options: &CacheOptions) -> Vec<Value> {
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let mut arguments = vec![
            now.as_micros().into(),
            MAX_KEYS.into(),
            number(options.max_entries),
            number(options.max_bytes),
            number(self.hits),
            number(self.stale),
            number(self.misses),
            number(self.keys.len() as u64),
        ];
        for (key, uses) in &self.keys {
            let cost = uses.cost.map_or(-1, |cost| i64::try_from(cost.as_micros()).unwrap_or(i64::MAX));
            let (hits, misses) = (number(uses.hits), number(uses.misses));
            arguments.extend([key.to_string().into(), hits, misses, cost.into(), uses.last.into()]);
        }
        for (key, (ends, size)) in &self.values {
            arguments.extend([key.to_string().into(), ends.as_micros().into(), number(*size)]);
        }
        arguments
    }
}

fn nonsense() -> Degraded {
    Degraded("Redis answers what the script does not".into())
}

/// A score: Redis may write it with an exponent.
fn whole(value: &Value) -> Option<i64> {
    let text = value.as_string()?;
    text.parse().ok().or_else(|| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "microseconds are whole, and far below the bounds"
        )]
        text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number as i64)
    })
}
