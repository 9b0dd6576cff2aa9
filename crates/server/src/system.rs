//! The operating system's clock and randomness and the runtime's tasks, as the domain's ports.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use activity_domain::port::{Background, Clock, Randomness, Task};
use activity_domain::span::Minute;
use activity_domain::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// The wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 counts as 1970.
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let timestamp = i64::try_from(micros).ok().and_then(|micros| Timestamp::from_micros(micros).ok());
        // One past the year 9999 stays there.
        timestamp.unwrap_or_else(|| Timestamp::from(Minute(i64::MAX)))
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandomness;

impl Randomness for OsRandomness {
    /// Ends the process where the system has no randomness to give: a key that can be guessed would be
    /// worse, and no caller could do anything about it.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            tracing::error!(%error, "the system gives no random bytes");
            std::process::abort();
        }
    }
}

/// How many tasks run in the background at once. They ask the store, which has a few readers.
const TASKS: usize = 16;

/// Runs what nobody waits for on the server's own runtime: web workers may end before it is done.
#[derive(Debug, Clone)]
pub struct TokioBackground {
    runtime: Handle,
    room: Arc<Semaphore>,
}

impl TokioBackground {
    /// On the runtime of the caller.
    pub fn here() -> Self {
        Self { runtime: Handle::current(), room: Arc::new(Semaphore::new(TASKS)) }
    }
}

impl Background for TokioBackground {
    fn run(&self, task: Task) {
        if let Ok(place) = self.room.clone().try_acquire_owned() {
            self.runtime.spawn(async move {
                task.await;
                drop(place);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_too_much_is_dropped_and_what_is_done_makes_room() {
        let background = TokioBackground::here();
        let (done, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let (go, went) = tokio::sync::watch::channel(false);
        let task = || -> Task {
            let (done, mut went) = (done.clone(), went.clone());
            Box::pin(async move {
                let _ = went.wait_for(|went| *went).await;
                let _ = done.send(());
            })
        };
        for _ in 0..TASKS + 5 {
            background.run(task());
        }
        go.send_replace(true);
        for _ in 0..TASKS {
            seen.recv().await.unwrap();
        }
        let all = u32::try_from(TASKS).unwrap();
        drop(background.room.acquire_many(all).await.unwrap());
        background.run(task());
        seen.recv().await.unwrap();
        assert!(seen.try_recv().is_err(), "more than there was room for were done");
    }

    #[test]
    fn the_clock_is_in_this_century() {
        let now = SystemClock.now();
        assert!(now > Timestamp::parse("2024-01-01T00:00:00Z").unwrap());
        assert!(now < Timestamp::parse("2100-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn randomness_does_not_repeat() {
        let [mut a, mut b] = [[0; 32]; 2];
        OsRandomness.fill(&mut a);
        OsRandomness.fill(&mut b);
        assert!(a != b && a != [0; 32]);
    }
}
