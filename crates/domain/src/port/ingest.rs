//! The way of an activity: made durable, then brought to the store.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::activity::Activity;
use crate::error::{RecordError, StoreError};
use crate::id::StreamId;

/// Makes activities durable; the driving port of ingestion.
#[async_trait]
pub trait Recorder: Send + Sync {
    /// Takes a batch, all or nothing. When it returns `Ok`, the batch survives a crash.
    async fn record(&self, batch: Vec<Activity>) -> Result<Receipt, RecordError>;

    /// Asks for the batch to be drained at once, and returns when the sink has it. It waits as long
    /// as the sink is out of reach: bound it with a time-out.
    async fn stored(&self, receipt: Receipt);
}

/// Where a recorded batch ends in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number after the batch.
    pub next: u64,
}

/// A durable record on its way to the sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its bytes in the spool, kept in case the row has to be set aside.
    pub payload: Bytes,
    /// What they say.
    pub activity: Activity,
}

/// A record that cannot be stored, with the reason: kept, counted, listed and replayable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its bytes in the spool.
    pub payload: Bytes,
    /// Why the row was refused.
    pub reason: String,
}

/// What follows `expected` in a stream, up to but not including `next`. Sequence numbers may be
/// missing from a batch where the spool was damaged; they are never reused.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The stream.
    pub stream: StreamId,
    /// Where the sink has to stand for this batch to be the next one.
    pub expected: u64,
    /// Where it stands afterwards.
    pub next: u64,
    /// What to store.
    pub records: Vec<Record>,
    /// What was unreadable before it came to the sink.
    pub unreadable: Vec<SetAside>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Append {
    /// It is stored, and the stream's cursor moved.
    Stored(Appended),
    /// The cursor stands elsewhere, here: nothing was changed. An unknown outcome of an earlier
    /// attempt is settled by this answer.
    Moved(u64),
}

/// How a stored batch splits up; the four add up to its length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// Fresh rows.
    pub stored: u64,
    /// Rows that were there already.
    pub duplicate: u64,
    /// Rows of clients that were erased, and rows of before what is retained.
    pub discarded: u64,
    /// Rows that the store refuses, and unreadable ones.
    pub set_aside: u64,
}

/// Stores activities exactly once.
#[async_trait]
pub trait ActivitySink: Send + Sync {
    /// Where a stream stands; 0 for one that was never seen.
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError>;

    /// In one transaction: moves the cursor by compare-and-set, stores rows whose key is new, and
    /// adds the fresh ones to the rollups. A row of a client that the store does not know is kept; one of
    /// a client that was erased is discarded, from whatever stream and at whatever time it comes.
    ///
    /// One refused row is set aside and its neighbours go on. All rows of a longer batch refused
    /// alike are an outage of the store, not poison: [`StoreError::Unavailable`], nothing changed.
    /// Of two rows with one key in a batch, the first stays. The batch is shared because a store may go on with it after the caller has gone away.
    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError>;
}
