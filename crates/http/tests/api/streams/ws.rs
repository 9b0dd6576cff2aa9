//! The client's end of a WebSocket.

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser};
use bytes::BytesMut;
use reqwest::{RequestBuilder, Response, StatusCode, Upgraded};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::soon;
use crate::app::App;

/// An open connection.
pub struct Socket {
    io: Upgraded,
    bytes: BytesMut,
}

/// Asks for a connection; the answer may be a no.
pub async fn ask(app: &App, key: Option<&str>, query: &str, origin: Option<&str>) -> Response {
    let mut request = app.request("GET", &format!("/api/ws?{query}"));
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    upgrading(request).send().await.unwrap()
}

/// The headers of a handshake.
pub fn upgrading(request: RequestBuilder) -> RequestBuilder {
    let request = request.header("connection", "upgrade").header("upgrade", "websocket");
    let request = request.header("sec-websocket-version", "13");
    request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

impl Socket {
    pub async fn open(app: &App, key: &str) -> Self {
        Self::of(ask(app, Some(key), "", None).await).await
    }

    pub async fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        // The example of RFC 6455, section 1.3.
        assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        Self { io: answer.upgrade().await.unwrap(), bytes: BytesMut::new() }
    }

    pub async fn send(&mut self, message: &Value) {
        self.frame(true, OpCode::Text, message.to_string().as_bytes()).await;
    }

    pub async fn frame(&mut self, is_last: bool, code: OpCode, data: &[u8]) {
        let mut out = BytesMut::new();
        Parser::write_message(&mut out, data, code, is_last, true);
        self.raw(&out).await;
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// The next frame; `None` at the end.
    pub async fn any(&mut self) -> Option<(OpCode, Vec<u8>)> {
        loop {
            if let Some((_, code, data)) = Parser::parse(&mut self.bytes, false, 1 << 20).unwrap() {
                return Some((code, data.unwrap_or_default().to_vec()));
            }
            let read = soon("a frame", self.io.read_buf(&mut self.bytes)).await.unwrap_or(0);
            if read == 0 {
                return None;
            }
        }
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        loop {
            match self.any().await {
                Some((OpCode::Text, data)) => return serde_json::from_slice(&data).unwrap(),
                Some((OpCode::Ping | OpCode::Pong, _)) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// The next message of a type.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Subscribes, which has to be confirmed.
    pub async fn subscribe(&mut self, id: &str, channel: &str, filter: &Value) -> Value {
        self.send(&json!({ "type": "subscribe", "id": id, "channel": channel, "filter": filter })).await;
        let answer = self.next_of("subscribed").await;
        assert_eq!(answer["id"], id);
        answer
    }

    /// Reads to the close, which has to come, and to the end of the connection after it.
    pub async fn closed(&mut self) -> CloseReason {
        loop {
            match self.any().await {
                Some((OpCode::Close, data)) => {
                    let reason = Parser::try_parse_close_payload(&data).unwrap().unwrap();
                    self.frame(true, OpCode::Close, &u16::from(CloseCode::Normal).to_be_bytes()).await;
                    assert_eq!(self.any().await, None, "nothing comes after a close");
                    return reason;
                }
                Some(_) => {}
                None => panic!("it ended without a close"),
            }
        }
    }
}
