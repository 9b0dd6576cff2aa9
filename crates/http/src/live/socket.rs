//! The connection of a WebSocket: what comes in is heeded, what is new goes out, and both ends close in order.

use std::convert::Infallible;
use std::time::Duration;

use actix_http::ws::CloseCode;
use actix_web::dev::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::frames::{Frames, Incoming, put_close, put_ping, put_pong};
use super::seats::Seat;
use super::talk::Talk;
use super::warden::{Ending, Guard};

/// The other end is asked for a sign of life so often.
const PING: Duration = Duration::from_secs(15);
/// Without one for so long, it is taken for gone.
const IDLE: Duration = Duration::from_secs(40);
/// The other end has so long to close once it was told to.
const LINGER: Duration = Duration::from_secs(1);
/// What is written lies here for so long only if the other end does not read.
const STALL: Duration = Duration::from_secs(20);
/// Messages that could not be heeded, before it is enough.
const MAX_MISTAKES: u32 = 32;

/// An open connection.
pub struct Socket {
    payload: Payload,
    frames: Frames,
    talk: Talk,
    guard: Guard,
    heard: Instant,
    pinged: Instant,
    /// When the last bytes were handed over.
    gave: Option<Instant>,
    mistakes: u32,
    /// Until when the other end may close, once it was told to.
    closing: Option<Instant>,
    is_over: bool,
    _seat: Seat,
}

impl Socket {
    /// One that was just opened.
    pub fn new(payload: Payload, talk: Talk, guard: Guard, seat: Seat) -> Self {
        let now = Instant::now();
        Self {
            payload,
            frames: Frames::default(),
            talk,
            guard,
            heard: now,
            pinged: now,
            gave: None,
            mistakes: 0,
            closing: None,
            is_over: false,
            _seat: seat,
        }
    }

    /// Its bytes. It is asked for more only when what it gave is on its way; nothing is read meanwhile either, so
    /// that neither end can make the other one's messages pile up here.
    pub fn into_body(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, async |mut socket| {
            let mut out = BytesMut::new();
            while out.is_empty() {
                if socket.is_over {
                    return None;
                }
                socket.step(&mut out).await;
            }
            socket.gave = Some(Instant::now());
            Some((Ok(out.freeze()), socket))
        })
    }

    async fn step(&mut self, out: &mut BytesMut) {
        if let Some(until) = self.closing {
            return self.linger(until).await;
        }
        if self.gave.take().is_some_and(|at| at.elapsed() > STALL) {
            return self.close(out, CloseCode::Again, "reading is too slow");
        }
        if let Some(incoming) = self.frames.message() {
            return self.heed(incoming, out).await;
        }
        let dead = self.heard + IDLE;
        tokio::select! {
            biased;
            ending = self.guard.ended() => {
                let code = if ending == Ending::Stopping { CloseCode::Away } else { CloseCode::Policy };
                self.close(out, code, ending.reason());
            }
            bytes = self.payload.next() => match bytes {
                Some(Ok(bytes)) => {
                    self.heard = Instant::now();
                    self.frames.push(&bytes);
                }
                _ => self.is_over = true,
            },
            () = sleep_until(dead) => self.close(out, CloseCode::Policy, "no sign of life"),
            () = sleep_until(self.pinged + PING) => {
                self.pinged = Instant::now();
                put_ping(out);
            }
            goes_on = self.talk.told(out) => if !goes_on {
                self.close(out, CloseCode::Away, Ending::Stopping.reason());
            },
        }
    }

    async fn heed(&mut self, incoming: Incoming, out: &mut BytesMut) {
        match incoming {
            Incoming::Pong => {}
            Incoming::Ping(data) => put_pong(out, &data),
            Incoming::Close(code) => self.close(out, code, ""),
            Incoming::Text(message) => {
                if !self.talk.heed(&message, out).await {
                    self.mistakes += 1;
                    if self.mistakes > MAX_MISTAKES {
                        self.close(out, CloseCode::Policy, "too many messages that cannot be heeded");
                    }
                }
            }
        }
    }

    fn close(&mut self, out: &mut BytesMut, code: CloseCode, reason: &str) {
        put_close(out, code, reason);
        self.closing = Some(Instant::now() + LINGER);
    }

    /// Reads on for a moment: a connection that is closed with something unread in it may lose the last frame.
    async fn linger(&mut self, until: Instant) {
        let rest = async {
            while let Some(Ok(bytes)) = self.payload.next().await {
                self.frames.push(&bytes);
                while let Some(incoming) = self.frames.message() {
                    if matches!(incoming, Incoming::Close(_)) {
                        return;
                    }
                }
            }
        };
        let _late = tokio::time::timeout_at(until, rest).await;
        self.is_over = true;
    }
}
