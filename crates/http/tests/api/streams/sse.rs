//! A reader of Server-Sent Events.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::soon;
use crate::app::App;

/// What came, as a browser would hand it on.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub event: String,
    pub id: Option<String>,
    pub data: Value,
}

/// An open stream.
pub struct Reader {
    bytes: BoxStream<'static, Vec<u8>>,
    text: String,
    /// What `retry:` said last, in milliseconds.
    pub retry: Option<u64>,
}

impl Reader {
    /// Opens a stream, which has to be one.
    pub async fn open(app: &App, key: &str, query: &str) -> Self {
        Self::by(app.get(&format!("/api/usage/stream?{query}"), key)).await
    }

    pub async fn by(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self::of(answer)
    }

    pub fn of(answer: Response) -> Self {
        let bytes = answer.bytes_stream().map(|part| part.map(Vec::from).unwrap_or_default());
        Self { bytes: bytes.boxed(), text: String::new(), retry: None }
    }

    /// What comes next; `None` at the end.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(told) = self.block(&block) {
                    return Some(told);
                }
                continue;
            }
            let part = soon("a stream", self.bytes.next()).await?;
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    fn block(&mut self, block: &str) -> Option<Told> {
        let (mut event, mut id, mut data) = (None, None, None);
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap();
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "event" => event = Some(value),
                "id" => id = Some(value),
                "data" => assert_eq!(data.replace(serde_json::from_str(&value).unwrap()), None),
                "retry" => self.retry = Some(value.parse().unwrap()),
                "" => {}
                other => panic!("a field {other:?} in {block:?}"),
            }
        }
        Some(Told { event: event?, id, data: data.unwrap() })
    }

    /// The next of a kind; others are passed over.
    pub async fn next_of(&mut self, event: &str) -> Told {
        loop {
            let told = self.next().await.unwrap_or_else(|| panic!("the stream ended before {event}"));
            if told.event == event {
                return told;
            }
        }
    }

    /// The next so many events that were accepted, with their ids.
    pub async fn logs(&mut self, count: usize) -> Vec<Told> {
        let mut logs = Vec::new();
        while logs.len() < count {
            logs.push(self.next_of("log:new").await);
        }
        logs
    }

    /// Paths of the events up to one of a path, which is not among them.
    pub async fn paths_until(&mut self, last: &str) -> Vec<String> {
        let mut paths = Vec::new();
        loop {
            let told = self.next_of("log:new").await;
            let path = told.data["endpoint"].as_str().unwrap().to_owned();
            if path == last {
                return paths;
            }
            paths.push(path);
        }
    }
}
