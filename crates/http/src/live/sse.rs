//! A stream of Server-Sent Events.

use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use serde::Serialize;

use super::reading::{News, Reading, missed, shown};
use super::seats::Seat;
use super::warden::{Ending, Guard};

/// A comment keeps proxies from closing a stream that is quiet, and notices readers that are gone.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// What a reader that lost its connection waits before it comes back, in milliseconds.
const RETRY: u32 = 3_000;
/// So much is written at a time, if so much is there.
const PORTION: usize = 8 << 10;

/// What is left of a stream's life.
pub struct Events {
    reading: Reading,
    guard: Guard,
    first: Option<BytesMut>,
    is_over: bool,
    _seat: Seat,
}

impl Events {
    /// A stream, beginning with what it is about.
    pub fn new(reading: Reading, guard: Guard, seat: Seat, about: &impl Serialize) -> Self {
        let mut first = BytesMut::new();
        put(&mut first, format_args!("retry: {RETRY}\nevent: connected\n"));
        put_place(&mut first, &reading);
        put_data(&mut first, &serde_json::to_vec(about).unwrap_or_default());
        Self { reading, guard, first: Some(first), is_over: false, _seat: seat }
    }

    /// Its bytes. It is asked for more only when what it gave is on its way, so that a slow reader makes the feed
    /// wait, which tells it what it missed.
    pub fn into_body(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, async |mut events| {
            let portion = events.next().await?;
            Some((Ok(portion.freeze()), events))
        })
    }

    async fn next(&mut self) -> Option<BytesMut> {
        if self.is_over {
            return None;
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let mut out = BytesMut::new();
        tokio::select! {
            biased;
            ending = self.guard.ended() => self.end(&mut out, ending),
            news = self.reading.next() => {
                self.put_news(&mut out, news);
                while out.len() < PORTION && !self.is_over && let Some(news) = self.reading.ready() {
                    self.put_news(&mut out, news);
                }
            }
            () = tokio::time::sleep(HEARTBEAT) => out.extend_from_slice(b":\n\n"),
        }
        Some(out)
    }

    fn put_news(&mut self, out: &mut BytesMut, news: News) {
        match news {
            News::Event(event) => {
                out.extend_from_slice(b"event: log:new\n");
                put_place(out, &self.reading);
                put_data(out, shown(&event));
            }
            News::Lagged(count) => {
                out.extend_from_slice(b"event: lagged\n");
                put_place(out, &self.reading);
                put_data(out, format!("{{{}}}", missed(count)).as_bytes());
            }
            News::Snapshot(channel, body) => {
                put(out, format_args!("event: {}\n", channel.event()));
                put_data(out, &body);
            }
            News::Closed => self.end(out, Ending::Stopping),
        }
    }

    /// The last words. Readers of a server that stops come back at different times, elsewhere.
    fn end(&mut self, out: &mut BytesMut, ending: Ending) {
        self.is_over = true;
        if ending == Ending::Stopping {
            let mut random = [0];
            random.copy_from_slice(&crate::request::new_id().as_bytes()[15..]);
            put(out, format_args!("retry: {}\n", 250 + 10 * u32::from(random[0])));
        }
        let reason = ending.reason();
        put(out, format_args!("event: closed\ndata: {{\"reason\":\"{reason}\"}}\n\n"));
    }
}

fn put(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    // Writing to bytes in memory cannot fail.
    let _ = out.write_fmt(text);
}

fn put_place(out: &mut BytesMut, reading: &Reading) {
    if let Some(place) = reading.place() {
        put(out, format_args!("id: {place}\n"));
    }
}

/// JSON that was made here has no line breaks.
fn put_data(out: &mut BytesMut, json: &[u8]) {
    out.reserve(json.len() + 8);
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}
