//! Waiting for a condition, never for a time.

use std::{
    thread,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer. What takes longer than `within` fails the test.
pub fn until<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < within, "waited {within:?} for {what}");
        thread::sleep(POLL);
    }
}
