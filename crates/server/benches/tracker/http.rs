//! A client for HTTP/1.1 with kept connections, as much of it as is needed here: requests are bytes,
//! and answers have a Content-Length.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// A connection with one request at a time.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
pub struct Response<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        Self::over(TcpStream::connect(address).await?)
    }

    /// A connection over a stream.
    pub fn over(stream: TcpStream) -> Outcome<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4_096) })
    }

    /// Sends a request and waits for the whole answer.
    pub async fn call(&mut self, request: &[u8]) -> Outcome<Response<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection in the middle of a request".into());
            }
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
        };
        while self.received.len() < head.length + head.content_length {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection in the middle of an answer".into());
            }
        }
        Ok(Response { status: head.status, body: &self.received[head.length..] })
    }
}

/// What matters of an answer's head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    length: usize,
    status: u16,
    content_length: usize,
}

impl Head {
    /// `None` if it has not arrived completely.
    fn parse(bytes: &[u8]) -> Outcome<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end];
        let mut content_length = None;
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let (Some(name), Some(value)) = (line.get(..15), line.get(15..)) else { continue };
            if name.eq_ignore_ascii_case(b"content-length:") {
                content_length = Some(std::str::from_utf8(value)?.trim().parse()?);
            }
        }
        let status = head.get(9..12).ok_or("the answer has no status")?;
        Ok(Some(Self {
            length: end + 4,
            status: std::str::from_utf8(status)?.parse()?,
            content_length: content_length.ok_or("the answer has no Content-Length")?,
        }))
    }
}
