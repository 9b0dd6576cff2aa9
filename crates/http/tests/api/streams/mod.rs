//! Live streams, by Server-Sent Events and by WebSocket.

mod endings;
mod events;
mod isolation;
mod limits;
mod snapshots;
mod sockets;
mod sse;
mod tickets;
pub mod ws;

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{App, event};

/// Far more time than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Waits for something, but not for ever.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// An event of a path, a method and a status.
fn call(endpoint: &str, method: &str, status: u16) -> Value {
    json!({ "endpoint": endpoint, "method": method, "statusCode": status })
}

impl App {
    /// Records events, which all have to be taken.
    async fn record(&self, key: &str, events: &[Value]) {
        let answer = self.post("/api/logs", key, &json!(events)).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }

    /// Records so many plain events.
    async fn record_many(&self, key: &str, count: usize) {
        self.record(key, &vec![event(); count]).await;
    }

    async fn ticket(&self, key: &str) -> String {
        let answer = self.post("/api/stream-tickets", key, &json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["ticket"].as_str().unwrap().to_owned()
    }
}
