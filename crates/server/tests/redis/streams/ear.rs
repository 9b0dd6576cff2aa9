//! A reader of live events, by either way, with a task of its own that notes when each was told.

use std::collections::BTreeMap;
use std::time::Instant;

use actix_http::ws::{OpCode, Parser};
use bytes::BytesMut;
use reqwest::{Response, StatusCode, Upgraded};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::LONG;
use crate::support::{Account, Node};

/// Something that a reader was told.
pub struct Heard {
    pub at: Instant,
    /// The event's id, if it is an event.
    pub id: Option<String>,
    /// Where the reader is now, if that was said.
    place: Option<String>,
    /// All of it, as it was written.
    pub words: String,
}

/// A reader.
pub struct Ear {
    heard: mpsc::UnboundedReceiver<Heard>,
    place: Option<String>,
    /// Ends with the reader.
    _reading: JoinSet<()>,
}

impl Ear {
    /// Server-Sent Events, once they have begun.
    pub async fn stream(
        node: &Node,
        account: &Account,
        channel: &str,
        filter: &BTreeMap<&str, &str>,
        place: Option<&str>,
    ) -> Self {
        let pairs = filter.iter().map(|(name, value)| (*name, *value));
        let pairs = pairs.chain(place.map(|place| ("lastEventId", place)));
        // None of the values here has to be escaped.
        let query = pairs
            .fold(format!("channel={channel}"), |query, (name, value)| format!("{query}&{name}={value}"));
        let request = node.http.get(node.at(&format!("/api/usage/stream?{query}")));
        let answer = request.header("x-api-key", &account.key).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self::of(|tell| read_stream(answer, tell)).await
    }

    /// A WebSocket that has subscribed to events.
    pub async fn socket(node: &Node, account: &Account, filter: &BTreeMap<&str, &str>) -> Self {
        let request = node.http.get(node.at("/api/ws")).header("x-api-key", &account.key);
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13");
        let answer = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut io = answer.upgrade().await.unwrap();
        let wish = json!({ "type": "subscribe", "channel": "logs", "filter": filter });
        write(&mut io, OpCode::Text, wish.to_string().as_bytes()).await;
        Self::of(|tell| read_socket(io, tell)).await
    }

    /// The first thing that a reader hears is that it has begun.
    async fn of<F: Future<Output = ()> + Send + 'static>(
        read: impl FnOnce(mpsc::UnboundedSender<Heard>) -> F,
    ) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let mut reading = JoinSet::new();
        reading.spawn(read(tell));
        let mut ear = Self { heard, place: None, _reading: reading };
        let first = ear.hears().await;
        assert!(first.id.is_none(), "{}", first.words);
        ear
    }

    /// Waits for what it is told next.
    pub async fn hears(&mut self) -> Heard {
        let heard = tokio::time::timeout(LONG, self.heard.recv()).await.unwrap().unwrap();
        self.place = heard.place.clone().or(self.place.take());
        heard
    }

    /// Waits until it is told of an event.
    pub async fn hears_of(&mut self, id: &str) {
        while self.hears().await.id.as_deref() != Some(id) {}
    }

    /// Where it is.
    pub fn place(&self) -> Option<String> {
        self.place.clone()
    }
}

async fn read_stream(mut answer: Response, tell: mpsc::UnboundedSender<Heard>) {
    let mut text = String::new();
    while let Ok(Some(part)) = answer.chunk().await {
        let at = Instant::now();
        text.push_str(std::str::from_utf8(&part).unwrap());
        while let Some(end) = text.find("\n\n") {
            let words: String = text.drain(..end + 2).collect();
            let field =
                |name: &str| words.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let is_event = field("event: ").is_some_and(|kind| kind == "log:new");
            let data = field("data: ").unwrap_or_default();
            let id = is_event.then(|| id_of(&serde_json::from_str(&data).unwrap()));
            // Nobody listens any more: this task is about to end.
            let _ = tell.send(Heard { at, id, place: field("id: "), words });
        }
    }
}

async fn read_socket(mut io: Upgraded, tell: mpsc::UnboundedSender<Heard>) {
    let mut bytes = BytesMut::new();
    while io.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        let at = Instant::now();
        while let Some((_, code, data)) = Parser::parse(&mut bytes, false, 1 << 20).unwrap() {
            let data = data.unwrap_or_default();
            match code {
                // The server asks so how much was read.
                OpCode::Ping => write(&mut io, OpCode::Pong, &data).await,
                OpCode::Text => {
                    let message: Value = serde_json::from_slice(&data).unwrap();
                    let id = (message["type"] == "log:new").then(|| id_of(&message["data"]));
                    let _ = tell.send(Heard { at, id, place: None, words: message.to_string() });
                }
                _ => {}
            }
        }
    }
}

async fn write(io: &mut Upgraded, code: OpCode, data: &[u8]) {
    let mut out = BytesMut::new();
    Parser::write_message(&mut out, data, code, true, true);
    io.write_all(&out).await.unwrap();
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}
