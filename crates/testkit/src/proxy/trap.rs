//! Waiting for a client to say a certain thing, to cut its connection there.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

/// When a connection is cut, seen from the text that it is cut at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The server never gets the text.
    Before,
    /// The server gets it, with what came in the same packet and nothing more, does what it is told and closes the
    /// connection; the client gets no answer, and is cut off when the server is through.
    After,
}

/// A trap that was set. Dropping it does not take it away.
#[derive(Debug)]
pub struct Trap(Receiver<()>);

impl Trap {
    /// Waits until a connection was cut by it. If that was [`Moment::After`], the server has done by then what it
    /// was told.
    pub fn wait(&self, within: Duration) {
        assert!(self.0.recv_timeout(within).is_ok(), "no client said within {within:?} what the trap is for");
    }

    /// Whether a connection was cut by it. Says so once.
    pub fn is_sprung(&self) -> bool {
        self.0.try_recv().is_ok()
    }
}

/// The trap that is set now, if any.
#[derive(Debug, Default)]
pub(super) struct Traps(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    /// How many were set so far.
    count: u64,
    set: Option<Set>,
}

#[derive(Debug)]
struct Set {
    text: Vec<u8>,
    moment: Moment,
    tell: Sender<()>,
}

/// A trap that has caught somebody.
#[derive(Debug)]
pub(super) struct Sprung(Set);

impl Sprung {
    pub(super) fn moment(&self) -> Moment {
        self.0.moment
    }

    /// Tells whoever waits for it. To be called when the connection is cut.
    pub(super) fn tell(self) {
        let _ = self.0.tell.send(());
    }
}

impl Traps {
    pub(super) fn set(&self, text: &[u8], moment: Moment) -> Trap {
        assert!(!text.is_empty(), "a trap needs a text");
        let (tell, told) = channel();
        let mut slot = self.slot();
        slot.count += 1;
        slot.set = Some(Set { text: text.to_owned(), moment, tell });
        Trap(told)
    }

    pub(super) fn clear(&self) {
        self.slot().set = None;
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client says, held against the trap.
pub(super) struct Watch<'a> {
    traps: &'a Traps,
    /// The trap that `tail` is for.
    count: u64,
    /// The last bytes, fewer than the text has: it may come in pieces.
    tail: Vec<u8>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(traps: &'a Traps) -> Self {
        Self { traps, count: 0, tail: Vec::new() }
    }

    /// Looks at the next bytes. Returns the trap if they complete its text, and nobody else did.
    pub(super) fn see(&mut self, bytes: &[u8]) -> Option<Sprung> {
        let mut slot = self.traps.slot();
        if self.count != slot.count {
            // What was said before it was set does not count.
            self.count = slot.count;
            self.tail.clear();
        }
        let text = &slot.set.as_ref()?.text;
        self.tail.extend_from_slice(bytes);
        if self.tail.windows(text.len()).any(|window| window == text) {
            return slot.set.take().map(Sprung);
        }
        let surplus = (self.tail.len() + 1).saturating_sub(text.len());
        self.tail.drain(..surplus);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_seen_in_pieces_and_once() {
        let traps = Traps::default();
        let trap = traps.set(b"COMMIT", Moment::After);
        let (mut one, mut other) = (Watch::new(&traps), Watch::new(&traps));
        for piece in ["", "select; COM", "", "COMM"] {
            assert!(one.see(piece.as_bytes()).is_none(), "{piece}");
        }
        assert!(other.see(b"IT").is_none(), "the beginning came on another connection");
        let sprung = one.see(b"IT and more").expect("it is complete");
        assert!(!trap.is_sprung());
        sprung.tell();
        assert!(trap.is_sprung());
        assert!(other.see(b"COMMIT").is_none());
    }

    #[test]
    fn what_was_said_before_does_not_count() {
        let traps = Traps::default();
        let mut watch = Watch::new(&traps);
        let _first = traps.set(b"ABC", Moment::Before);
        assert!(watch.see(b"AB").is_none());
        let _second = traps.set(b"ABC", Moment::Before);
        assert!(watch.see(b"C").is_none());
        assert!(watch.see(b"ABC").is_some());
    }
}
