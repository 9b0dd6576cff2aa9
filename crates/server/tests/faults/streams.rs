//! Live streams of a real server: how soon, and how they end.

use std::time::{Duration, Instant};

use reqwest::Response;

use crate::support::{Account, Event, Node, Random};

/// Far more time than anything here takes.
const LONG: Duration = Duration::from_secs(20);

struct Reader {
    answer: Response,
    text: String,
}

impl Reader {
    async fn open(node: &Node, account: &Account) -> Self {
        let request = node.http.get(node.at("/api/usage/stream?channel=logs"));
        let answer = request.header("x-api-key", &account.key).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut reader = Self { answer, text: String::new() };
        reader.sees("event: connected").await;
        reader
    }

    /// Reads on until something was there.
    async fn sees(&mut self, what: &str) {
        while !self.text.contains(what) {
            let part = tokio::time::timeout(LONG, self.answer.chunk()).await.unwrap();
            let part = part.unwrap().unwrap_or_else(|| panic!("it ended without {what:?}: {}", self.text));
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// Reads to its end.
    async fn ends(&mut self) {
        while let Some(_more) = tokio::time::timeout(LONG, self.answer.chunk()).await.unwrap().unwrap() {}
    }
}

/// What is durable is told, whether the store has it or not.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_long_before_they_are_stored() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "60000")]).await;
    let account = node.register("ada", "client").await;
    let mut reader = Reader::open(&node, &account).await;
    let events = Event::several(3, &account, &mut Random(1));
    let begun = Instant::now();
    node.record(&account.key, &events, false).await;
    for event in &events {
        reader.sees(event.json()["id"].as_str().unwrap()).await;
    }
    assert!(begun.elapsed() < LONG, "the store has it after a minute");
    node.stop().await;
}

/// Readers of a server that stops are told so, and do not hold it up.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_sends_readers_elsewhere() {
    let mut node = Node::started(&[]).await;
    let account = node.register("ada", "client").await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(Reader::open(&node, &account).await);
    }
    let stopped = node.stop().await;
    assert_eq!(stopped["drained"], true);
    for reader in &mut readers {
        reader.sees("event: closed").await;
        assert!(reader.text.contains("retry: ") && reader.text.contains("shutting down"), "{}", reader.text);
        reader.ends().await;
    }
}

/// A key that another process took away ends the stream here.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_process_replaced_ends_its_stream() {
    let mut node = Node::started(&[]).await;
    let account = node.register("ada", "client").await;
    let mut reader = Reader::open(&node, &account).await;
    let (is_done, said) = node.run(&["admin", "key", "--client", &account.id, "--overlap", "0"]);
    assert!(is_done, "{said}");
    reader.sees("event: closed").await;
    assert!(reader.text.contains("not valid any more"), "{}", reader.text);
    reader.ends().await;
    node.stop().await;
}
