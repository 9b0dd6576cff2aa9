//! The connection of a WebSocket: what comes in is heeded, what is new goes out, and both ends close in order.

use std::time::Duration;

use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Session};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::incoming::Incoming;
use super::seats::Seat;
use super::talk::{Said, Talk};
use super::warden::{Ending, Guard};
use super::window::Window;

/// The other end is asked for a sign of life so often.
const PING: Duration = Duration::from_secs(15);
/// Without one for so long, it is taken for gone.
const IDLE: Duration = Duration::from_secs(40);
/// The other end has so long to close once it was told to.
const LINGER: Duration = Duration::from_secs(1);
/// What is said lies here for so long only if the other end does not read.
const STALL: Duration = Duration::from_secs(20);
/// Messages that could not be heeded, before it is enough.
const MAX_MISTAKES: u32 = 32;

/// An open connection.
pub struct Socket {
    session: Session,
    incoming: Incoming,
    talk: Talk,
    guard: Guard,
    window: Window,
    said: Said,
    heard: Instant,
    pinged: Instant,
    mistakes: u32,
    _seat: Seat,
}

/// How a connection ends.
enum End {
    /// The other end is gone.
    Gone,
    /// It is told so.
    Close(CloseCode, &'static str),
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        let code = if ending == Ending::Stopping { CloseCode::Away } else { CloseCode::Policy };
        Self::Close(code, ending.reason())
    }
}

/// Goes on, or how it ends.
type Step = Result<(), End>;

impl Socket {
    /// One that was just opened.
    pub fn new(session: Session, incoming: Incoming, talk: Talk, guard: Guard, seat: Seat) -> Self {
        let (window, said, now) = (Window::default(), Said::default(), Instant::now());
        Self {
            session,
            incoming,
            talk,
            guard,
            window,
            said,
            heard: now,
            pinged: now,
            mistakes: 0,
            _seat: seat,
        }
    }

    /// Serves it to its end.
    pub async fn run(mut self) {
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(End::Gone) => return,
                Err(End::Close(code, reason)) => return self.close(code, reason).await,
            }
        }
    }

    async fn step(&mut self) -> Step {
        tokio::select! {
            biased;
            ending = self.guard.ended() => Err(ending.into()),
            come = self.incoming.next() => {
                self.heard = Instant::now();
                self.heed(come.ok_or(End::Gone)?.map_err(|code| End::Close(code, ""))?).await
            }
            () = sleep_until(self.heard + IDLE) => Err(End::Close(CloseCode::Policy, "no sign of life")),
            () = stalled(&self.window) => Err(End::Close(CloseCode::Again, "reading is too slow")),
            () = sleep_until(self.pinged + PING) => {
                self.pinged = Instant::now();
                let data = self.window.ask();
                self.write(Frame::Ping(&data)).await
            }
            goes_on = self.talk.told(&mut self.said), if self.window.is_open() => {
                self.say().await?;
                if goes_on { Ok(()) } else { Err(Ending::Stopping.into()) }
            }
        }
    }

    async fn heed(&mut self, come: AggregatedMessage) -> Step {
        match come {
            AggregatedMessage::Pong(data) => {
                self.window.answered(&data);
                Ok(())
            }
            AggregatedMessage::Ping(data) => self.write(Frame::Pong(&data)).await,
            AggregatedMessage::Close(reason) => {
                Err(End::Close(reason.map_or(CloseCode::Normal, |reason| reason.code), ""))
            }
            // Nobody here takes data that is not text.
            AggregatedMessage::Binary(_) => Err(End::Close(CloseCode::Unsupported, "")),
            AggregatedMessage::Text(message) => {
                if !self.talk.heed(&message, &mut self.said).await {
                    self.mistakes += 1;
                }
                self.say().await?;
                if self.mistakes > MAX_MISTAKES {
                    return Err(End::Close(CloseCode::Policy, "too many messages that cannot be heeded"));
                }
                Ok(())
            }
        }
    }

    /// Sends what there is to say.
    async fn say(&mut self) -> Step {
        for message in self.said.take() {
            let bytes = message.len();
            self.write(Frame::Text(message)).await?;
            if let Some(data) = self.window.sent(bytes) {
                self.write(Frame::Ping(&data)).await?;
            }
        }
        Ok(())
    }

    /// Hands a frame over. That takes long only if the other end does not read.
    async fn write(&mut self, frame: Frame<'_>) -> Step {
        let sent = async {
            match frame {
                Frame::Text(text) => self.session.text(text).await,
                Frame::Ping(data) => self.session.ping(data).await,
                Frame::Pong(data) => self.session.pong(data).await,
            }
        };
        tokio::select! {
            biased;
            sent = sent => sent.map_err(|_| End::Gone),
            ending = self.guard.ended() => Err(ending.into()),
            () = sleep(STALL) => Err(End::Close(CloseCode::Again, "reading is too slow")),
        }
    }

    /// Says why, and waits a moment for the other end to close too.
    async fn close(mut self, code: CloseCode, reason: &str) {
        let description = (!reason.is_empty()).then(|| reason.to_owned());
        let done = async {
            if self.session.close(Some(CloseReason { code, description })).await.is_ok() {
                while let Some(Ok(come)) = self.incoming.next().await {
                    if matches!(come, AggregatedMessage::Close(_)) {
                        break;
                    }
                }
            }
        };
        // Whoever does not close by then is cut off.
        let _late = timeout(LINGER, done).await;
    }
}

enum Frame<'a> {
    Text(String),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
}

/// Returns when the other end has read nothing for too long.
async fn stalled(window: &Window) {
    match window.stalls_at() {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
