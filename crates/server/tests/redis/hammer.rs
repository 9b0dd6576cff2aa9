//! Callers that record single events as fast as they can, by way of several servers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Account, Node};

/// Callers at work.
pub struct Hammer {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    callers: JoinSet<Heard>,
}

/// What callers were answered.
#[derive(Default)]
pub struct Heard {
    /// How often each status came.
    pub statuses: BTreeMap<u16, u64>,
    /// How long each answer took.
    pub times: Vec<Duration>,
}

impl Heard {
    /// How often a status came.
    pub fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// What 99 of 100 answers took at most, and what the longest took.
    pub fn slowest(&mut self) -> [Duration; 2] {
        self.times.sort_unstable();
        let last = self.times.len() - 1;
        [self.times[last * 99 / 100], self.times[last]]
    }
}

impl Hammer {
    /// Starts callers for an account, spread over the servers. Each makes at most so many calls.
    pub fn start(nodes: &[Node], account: &Account, callers: usize, calls: usize) -> Self {
        let mut hammer = Self { stop: Arc::default(), calls: Arc::default(), callers: JoinSet::new() };
        for number in 0..callers {
            let node = &nodes[number % nodes.len()];
            let request = node.post(&account.key).json(&json!({
                "endpoint": "/things", "method": "GET", "statusCode": 200,
            }));
            let (stop, made) = (hammer.stop.clone(), hammer.calls.clone());
            hammer.callers.spawn(async move {
                let mut heard = Heard::default();
                for _ in 0..calls {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let begun = Instant::now();
                    let answer = request.try_clone().unwrap().send().await.unwrap();
                    heard.times.push(begun.elapsed());
                    *heard.statuses.entry(answer.status().as_u16()).or_default() += 1;
                    made.fetch_add(1, Ordering::Relaxed);
                }
                heard
            });
        }
        hammer
    }

    /// How many calls were answered so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits until all callers have made their calls.
    pub async fn finish(mut self) -> Heard {
        let mut all = Heard::default();
        while let Some(heard) = self.callers.join_next().await {
            let heard = heard.unwrap();
            all.times.extend(heard.times);
            for (status, count) in heard.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
        }
        all
    }

    /// Ends it.
    pub async fn stop(self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }
}
