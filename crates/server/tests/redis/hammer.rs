//! Callers that record single events as fast as they can, by way of several servers.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Account, Node};

/// What callers were answered.
#[derive(Default)]
pub struct Heard {
    /// How often each status came.
    pub statuses: BTreeMap<u16, u64>,
}

impl Heard {
    /// How often a status came.
    pub fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }
}

/// Has callers of an account, spread over the servers, make so many calls each.
pub async fn hammer(nodes: &[Node], account: &Account, callers: usize, calls: usize) -> Heard {
    let mut all = JoinSet::new();
    for number in 0..callers {
        let event = json!({ "endpoint": "/things", "method": "GET", "statusCode": 200 });
        let request = nodes[number % nodes.len()].post(&account.key).json(&event);
        all.spawn(async move {
            let mut heard = Heard::default();
            for _ in 0..calls {
                let answer = request.try_clone().unwrap().send().await.unwrap();
                *heard.statuses.entry(answer.status().as_u16()).or_default() += 1;
            }
            heard
        });
    }
    let mut sum = Heard::default();
    while let Some(heard) = all.join_next().await {
        for (status, count) in heard.unwrap().statuses {
            *sum.statuses.entry(status).or_default() += count;
        }
    }
    sum
}
