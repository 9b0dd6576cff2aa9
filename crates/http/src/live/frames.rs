//! Frames of a WebSocket (RFC 6455): what comes in becomes messages, within bounds.

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser, ProtocolError};
use bytes::{Bytes, BytesMut};

/// The longest message that may come in, in bytes.
pub const MAX_MESSAGE: usize = 16 << 10;
/// What comes before a frame's data at most.
const HEAD: usize = 14;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message of text.
    Text(String),
    /// To be answered by a pong with the same data.
    Ping(Bytes),
    /// The other end is alive.
    Pong,
    /// The other end closes, or must be closed.
    Close(CloseCode),
}

/// Takes frames apart and messages together.
#[derive(Default)]
pub struct Frames {
    bytes: BytesMut,
    /// The beginning of a message that comes in several frames.
    begun: Option<BytesMut>,
}

impl Frames {
    /// More of what came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if there is a whole one.
    pub fn message(&mut self) -> Option<Incoming> {
        loop {
            match Parser::parse(&mut self.bytes, true, MAX_MESSAGE) {
                Ok(Some((is_last, code, data))) => {
                    if let Some(message) = self.frame(is_last, code, data.unwrap_or_default()) {
                        return Some(message);
                    }
                }
                // One that is too long is not waited for.
                Ok(None) if self.bytes.len() > MAX_MESSAGE + HEAD => {
                    return Some(Incoming::Close(CloseCode::Size));
                }
                Ok(None) => return None,
                Err(ProtocolError::Overflow) => return Some(Incoming::Close(CloseCode::Size)),
                Err(_) => return Some(Incoming::Close(CloseCode::Protocol)),
            }
        }
    }

    fn frame(&mut self, is_last: bool, code: OpCode, data: BytesMut) -> Option<Incoming> {
        let wrong = Some(Incoming::Close(CloseCode::Protocol));
        match (code, self.begun.take()) {
            (OpCode::Text, None) | (OpCode::Continue, Some(_)) if data.len() > MAX_MESSAGE => {
                Some(Incoming::Close(CloseCode::Size))
            }
            (OpCode::Text, None) => self.text(is_last, data),
            (OpCode::Continue, Some(begun)) if begun.len() + data.len() > MAX_MESSAGE => {
                Some(Incoming::Close(CloseCode::Size))
            }
            (OpCode::Continue, Some(mut begun)) => {
                begun.extend_from_slice(&data);
                self.text(is_last, begun)
            }
            // Nobody here takes data that is not text.
            (OpCode::Binary, None) => Some(Incoming::Close(CloseCode::Unsupported)),
            // These come between the frames of a message, too.
            (OpCode::Ping | OpCode::Pong, begun) if is_last => {
                self.begun = begun;
                let is_ping = code == OpCode::Ping;
                Some(if is_ping { Incoming::Ping(data.freeze()) } else { Incoming::Pong })
            }
            (OpCode::Close, _) if is_last => Some(Incoming::Close(closed(&data))),
            _ => wrong,
        }
    }

    fn text(&mut self, is_last: bool, data: BytesMut) -> Option<Incoming> {
        if !is_last {
            self.begun = Some(data);
            return None;
        }
        let text = String::from_utf8(data.into());
        Some(text.map_or(Incoming::Close(CloseCode::Invalid), Incoming::Text))
    }
}

/// What the other end's close is answered with: its own code, or that it is none.
fn closed(data: &[u8]) -> CloseCode {
    match Parser::try_parse_close_payload(data) {
        Ok(Some(reason)) => reason.code,
        Ok(None) => CloseCode::Normal,
        Err(_) => CloseCode::Protocol,
    }
}

/// Writes a message of text.
pub fn put_text(out: &mut BytesMut, text: &[u8]) {
    Parser::write_message(out, text, OpCode::Text, true, false);
}

/// Writes a ping.
pub fn put_ping(out: &mut BytesMut) {
    Parser::write_message(out, b"", OpCode::Ping, true, false);
}

/// Writes the answer to a ping.
pub fn put_pong(out: &mut BytesMut, data: &[u8]) {
    Parser::write_message(out, data, OpCode::Pong, true, false);
}

/// Writes the last frame.
pub fn put_close(out: &mut BytesMut, code: CloseCode, reason: &str) {
    let description = (!reason.is_empty()).then(|| reason.to_owned());
    Parser::write_close(out, Some(CloseReason { code, description }), false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(is_last: bool, code: OpCode, data: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        Parser::write_message(&mut out, data, code, is_last, true);
        out.to_vec()
    }

    fn all(bytes: &[u8]) -> Vec<Incoming> {
        let mut frames = Frames::default();
        frames.push(bytes);
        let mut found = Vec::new();
        while let Some(incoming) = frames.message() {
            let is_end = matches!(incoming, Incoming::Close(_));
            found.push(incoming);
            if is_end {
                break;
            }
        }
        found
    }

    fn text(text: &str) -> Incoming {
        Incoming::Text(text.to_owned())
    }

    #[test]
    fn messages_come_in_one_frame_or_several_with_pings_between() {
        let parts = [
            masked(true, OpCode::Text, b"whole"),
            masked(false, OpCode::Text, "\u{e4}".as_bytes().get(..1).unwrap()),
            masked(true, OpCode::Ping, b"?"),
            masked(true, OpCode::Continue, "\u{e4}!".as_bytes().get(1..).unwrap()),
            masked(true, OpCode::Pong, b""),
        ];
        let expected =
            vec![text("whole"), Incoming::Ping(Bytes::from_static(b"?")), text("\u{e4}!"), Incoming::Pong];
        assert_eq!(all(&parts.concat()), expected);
    }

    #[test]
    fn what_is_wrong_has_a_code() {
        let close = |code| vec![Incoming::Close(code)];
        let mut unmasked = BytesMut::new();
        Parser::write_message(&mut unmasked, b"x", OpCode::Text, true, false);
        let long = vec![b'x'; MAX_MESSAGE];
        let halves = [masked(false, OpCode::Text, &long), masked(true, OpCode::Continue, b"x")].concat();
        for (bytes, code) in [
            (unmasked.to_vec(), CloseCode::Protocol),
            (masked(true, OpCode::Binary, b"x"), CloseCode::Unsupported),
            (masked(true, OpCode::Text, b"\xff"), CloseCode::Invalid),
            (masked(true, OpCode::Continue, b"x"), CloseCode::Protocol),
            (masked(false, OpCode::Ping, b"x"), CloseCode::Protocol),
            (masked(true, OpCode::Ping, &long[..126]), CloseCode::Protocol),
            (masked(true, OpCode::Text, &[long.as_slice(), b"x"].concat()), CloseCode::Size),
            (halves, CloseCode::Size),
            (masked(true, OpCode::Close, b""), CloseCode::Normal),
            (masked(true, OpCode::Close, &1001u16.to_be_bytes()), CloseCode::Away),
            (masked(true, OpCode::Close, b"x"), CloseCode::Protocol),
            (masked(true, OpCode::Close, &999u16.to_be_bytes()), CloseCode::Protocol),
        ] {
            assert_eq!(all(&bytes), close(code), "{code:?}");
        }
        let new_while_begun = [masked(false, OpCode::Text, b"x"), masked(true, OpCode::Text, b"y")].concat();
        assert_eq!(all(&new_while_begun), close(CloseCode::Protocol));
    }

    #[test]
    fn one_that_says_it_is_long_is_not_waited_for() {
        let mut frames = Frames::default();
        // 2^40 bytes to come.
        frames.push(&[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        let mut pushed = 0;
        let closed = loop {
            match frames.message() {
                None => frames.push(&[0; 1_024]),
                Some(incoming) => break incoming,
            }
            pushed += 1_024;
        };
        assert_eq!(closed, Incoming::Close(CloseCode::Size));
        assert!(pushed <= MAX_MESSAGE + 1_024);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_portions_are_taken_alike(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
            let mut frames = Frames::default();
            let cut = at.index(bytes.len() + 1);
            let mut found = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                frames.push(part);
                while !matches!(found.last(), Some(Incoming::Close(_))) && let Some(one) = frames.message() {
                    found.push(one);
                }
            }
            prop_assert_eq!(found, all(&bytes));
        }
    }
}
