//! How much may be on its way to the other end of a WebSocket.

use tokio::time::{Duration, Instant};

/// Bytes that may be on their way: what a reader costs that does not read.
const MOST: u64 = 32 << 10;
/// After so many bytes, the other end is asked how far it has read.
const ASK: u64 = 8 << 10;
/// What is on its way lies there for so long only if the other end does not read.
const STALL: Duration = Duration::from_secs(20);

/// Counts bytes that were sent, and those that have arrived: a ping goes after them with their number, and the pong that
/// answers it has the same.
#[derive(Debug, Default)]
pub struct Window {
    sent: u64,
    asked: u64,
    arrived: u64,
    /// When the oldest question that has no answer was asked.
    since: Option<Instant>,
}

impl Window {
    /// Whether more may be sent.
    pub fn is_open(&self) -> bool {
        self.sent - self.arrived < MOST
    }

    /// So many bytes were sent. The data of a ping that has to go after them, if one has to.
    pub fn sent(&mut self, bytes: usize) -> Option<[u8; 8]> {
        self.sent += bytes as u64;
        (self.sent - self.asked >= ASK).then(|| self.ask())
    }

    /// The data of a ping.
    pub fn ask(&mut self) -> [u8; 8] {
        self.asked = self.sent;
        if self.arrived < self.sent {
            self.since.get_or_insert_with(Instant::now);
        }
        self.sent.to_be_bytes()
    }

    /// A pong came. One that answers nothing is none of ours.
    pub fn answered(&mut self, data: &[u8]) {
        let Ok(number) = data.try_into().map(u64::from_be_bytes) else { return };
        if (self.arrived + 1..=self.asked).contains(&number) {
            self.arrived = number;
            self.since = (self.arrived < self.asked).then(Instant::now);
        }
    }

    /// When the other end will have been too slow, if it stays as it is.
    pub fn stalls_at(&self) -> Option<Instant> {
        self.since.map(|since| since + STALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_over_what_is_on_its_way_and_opens_with_answers() {
        let mut window = Window::default();
        assert_eq!((window.sent(8_191), window.stalls_at()), (None, None));
        let first = window.sent(1).unwrap();
        assert!(window.is_open() && window.stalls_at().is_some());
        let second = window.sent(24_575).unwrap();
        assert!(window.is_open());
        window.sent(1);
        assert!(!window.is_open());
        for junk in [b"".as_slice(), b"short", &u64::MAX.to_be_bytes(), &0u64.to_be_bytes()] {
            window.answered(junk);
            assert!(!window.is_open());
        }
        window.answered(&first);
        assert!(window.is_open() && window.stalls_at().is_some());
        window.answered(&second);
        assert_eq!(window.stalls_at(), None);
        // An answer that comes again takes nothing back.
        window.answered(&first);
        assert!(window.is_open());
        let last = window.ask();
        window.answered(&last);
        assert_eq!((window.sent, window.arrived), (32_768, 32_768));
    }
}
