//! Whether the store takes batches, for those who ask how it is. That it answers questions does not say so: its
//! disk may be full.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use activity_domain::counting::Counter;
use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Batch};
use async_trait::async_trait;

/// Why the last batch was not taken, in words that anybody may read. Displays as the end of a sentence that begins
/// with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its disk is full.
    Full,
    /// The log knows.
    Other,
}

impl Refusal {
    /// Postgres hands on the system's words, SQLite has its own. In another language it is some other reason.
    fn of(error: &StoreError) -> Self {
        let said = error.to_string();
        let is_full = ["No space left on device", "disk is full"].iter().any(|words| said.contains(words));
        if is_full { Self::Full } else { Self::Other }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "takes no batches, because its disk is full",
            Self::Other => "takes no batches",
        })
    }
}

/// What became of batches.
#[derive(Debug, Default)]
pub struct Batches {
    last: Mutex<Option<Refusal>>,
    /// How often the store did not answer, or could not for the moment.
    pub unavailable: Counter,
    /// How often it refused.
    pub refused: Counter,
}

impl Batches {
    /// Why the last one was not taken; `None`: it was, or there was none yet.
    pub fn refusal(&self) -> Option<Refusal> {
        *self.last()
    }

    fn count(&self, error: &StoreError) {
        if error.is_transient() { self.unavailable.add() } else { self.refused.add() }
    }

    fn last(&self) -> MutexGuard<'_, Option<Refusal>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink whose batches are watched.
pub struct WatchedSink {
    sink: Arc<dyn ActivitySink>,
    batches: Arc<Batches>,
}

impl WatchedSink {
    /// A sink, and what it will have to say.
    pub fn new(sink: Arc<dyn ActivitySink>, batches: Arc<Batches>) -> Self {
        Self { sink, batches }
    }
}

#[async_trait]
impl ActivitySink for WatchedSink {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.sink.position(stream).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let append = self.sink.append(batch).await;
        if let Err(error) = &append {
            self.batches.count(error);
        }
        *self.batches.last() = append.as_ref().err().map(Refusal::of);
        append
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_troubles() {
        let refusal = |text: &str| Refusal::of(&StoreError::Unavailable(text.into()));
        let full = "could not extend file \"base/5/16385\": No space left on device";
        assert_eq!([refusal(full), refusal("database or disk is full")], [Refusal::Full; 2]);
        assert_eq!(refusal("canceling statement due to lock timeout"), Refusal::Other);
    }
}
