//! What comes in by a WebSocket: whole messages, within bounds.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, MessageStream, ProtocolError};
use bytes::Bytes;
use futures_util::Stream;

/// The longest message that may come in, in bytes.
pub const MAX_MESSAGE: usize = 16 << 10;

/// How many bytes may be read until a message has come of them. The library would keep all of a frame, however long it
/// says it is, before it finds it too long.
struct Allowance {
    portion: usize,
    left: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Allowance {
    /// Enough for one message of so many bytes, with the heads of its frames, if they are not tiny.
    fn for_messages_of(most: usize) -> Self {
        let portion = 2 * most;
        Self { portion, left: Cell::new(portion), waker: RefCell::default() }
    }

    fn renew(&self) {
        self.left.set(self.portion);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A connection's bytes, as far as they are allowed to come.
struct Portions {
    payload: Payload,
    held: Bytes,
    allowance: Rc<Allowance>,
}

impl Stream for Portions {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let left = this.allowance.left.get();
        if left == 0 {
            this.allowance.waker.replace(Some(context.waker().clone()));
            return Poll::Pending;
        }
        if this.held.is_empty() {
            match ready!(Pin::new(&mut this.payload).poll_next(context)) {
                Some(Ok(bytes)) => this.held = bytes,
                other => return Poll::Ready(other),
            }
        }
        let portion = this.held.split_to(left.min(this.held.len()));
        this.allowance.left.set(left - portion.len());
        Poll::Ready(Some(Ok(portion)))
    }
}

/// A connection whose bytes come in portions.
pub struct Portioned {
    most: usize,
    allowance: Rc<Allowance>,
}

impl Portioned {
    /// Puts bounds on a connection's bytes, before they become messages of at most so many bytes.
    pub fn new(payload: Payload, most: usize) -> (Self, Payload) {
        let allowance = Rc::new(Allowance::for_messages_of(most));
        let portions = Portions { payload, held: Bytes::new(), allowance: allowance.clone() };
        (Self { most, allowance }, Payload::Stream { payload: Box::pin(portions) })
    }

    /// The messages of that connection.
    pub fn messages(self, stream: MessageStream) -> Incoming {
        let stream = stream.max_frame_size(self.most).aggregate_continuations();
        Incoming { stream: stream.max_continuation_size(self.most), allowance: self.allowance }
    }
}

/// The messages of a connection.
pub struct Incoming {
    stream: AggregatedMessageStream,
    allowance: Rc<Allowance>,
}

impl Incoming {
    /// The next message, or how the connection has to be closed because of what came; `None` at its end. Nothing is lost
    /// if the caller gives up waiting.
    pub async fn next(&mut self) -> Option<Result<AggregatedMessage, CloseCode>> {
        std::future::poll_fn(|context| match Pin::new(&mut self.stream).poll_next(context) {
            // All that may be read for a message is there, and none has come of it.
            Poll::Pending if self.allowance.left.get() == 0 => Poll::Ready(Some(Err(CloseCode::Size))),
            Poll::Pending => Poll::Pending,
            Poll::Ready(come) => {
                self.allowance.renew();
                Poll::Ready(come.map(|come| come.map_err(|error| code(&error))))
            }
        })
        .await
    }
}

fn code(error: &ProtocolError) -> CloseCode {
    match error {
        ProtocolError::Io(error) if is_of_reserved_bits(error) => CloseCode::Protocol,
        // Text that is not UTF-8, of one frame or of several.
        ProtocolError::Io(error) if error.kind() == ErrorKind::InvalidData => CloseCode::Invalid,
        // Besides a frame, a message of several that is too long; or the connection is gone, and hears of no code.
        ProtocolError::Overflow | ProtocolError::Io(_) => CloseCode::Size,
        _ => CloseCode::Protocol,
    }
}

/// The library has no kind of its own for these, only words.
fn is_of_reserved_bits(error: &io::Error) -> bool {
    error.kind() == ErrorKind::InvalidData && error.to_string().contains("reserved bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    type BoxedPayloadStream = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

    fn portions(chunks: &[usize]) -> (Portioned, Payload) {
        let chunks: Vec<_> = chunks.iter().map(|size| Ok(Bytes::from(vec![b'x'; *size]))).collect();
        let stream: BoxedPayloadStream = Box::pin(futures_util::stream::iter(chunks));
        Portioned::new(Payload::Stream { payload: stream }, MAX_MESSAGE)
    }

    fn read(payload: &mut Payload) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        let mut read = 0;
        while let Poll::Ready(Some(Ok(bytes))) = Pin::new(&mut *payload).poll_next(&mut context) {
            read += bytes.len();
        }
        read
    }

    #[test]
    fn no_more_is_read_than_is_allowed_and_nothing_is_lost() {
        let portion = Allowance::for_messages_of(MAX_MESSAGE).portion;
        let (portioned, mut payload) = portions(&[portion - 10, 50, portion]);
        assert_eq!(read(&mut payload), portion);
        assert_eq!(read(&mut payload), 0);
        portioned.allowance.renew();
        assert_eq!(read(&mut payload), portion);
        portioned.allowance.renew();
        assert_eq!(read(&mut payload), 40);
    }
}
