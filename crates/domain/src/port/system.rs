//! What every use case takes from its surroundings: time, randomness, and somebody to do what nobody
//! waits for.

use std::pin::Pin;

use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Gives unpredictable bytes, good enough for secrets.
pub trait Randomness: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// Something that nobody waits for.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does things beside the caller.
pub trait Background: Send + Sync {
    /// Runs a task to its end, or drops it where too many run already: it has to be one that may be left
    /// undone.
    fn run(&self, task: Task);
}
