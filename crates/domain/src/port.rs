//! What the use cases need from the outside. Adapters implement these; the laws that each has to
//! keep are tests in the crate `contract`.
//!
//! To add a port: one trait here, one reference implementation in `adapter-memory`, its laws in
//! `contract`, then the other adapters.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::activity::Activity;
use crate::client::Client;
use crate::error::{Degraded, InsertError, RecordError, StoreError};
use crate::id::{ClientId, StreamId};
use crate::key::{KeyDigest, KeyRecord};
use crate::limit::{Cost, Decision, QuotaState, Quotas, Subject, Taken};
use crate::time::Timestamp;
use crate::usage::{DailyPage, DailyQuery, TopQuery, TopRow};

/// What a read has to see. The adapter decides which server can give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Everything that was written before.
    Latest,
    /// Perhaps not the last few seconds.
    Eventual,
}

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
    /// Rows of clients that were erased.
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
    /// adds the fresh ones to the rollups. A row of a client that the store does not know is kept.
    ///
    /// One refused row is set aside and its neighbours go on. All rows of a longer batch refused
    /// alike are an outage of the store, not poison: [`StoreError::Unavailable`], nothing changed.
    /// Of two rows with one key in a batch, the first stays. The batch is shared because a store may go on with it after the caller has gone away.
    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError>;
}

/// Clients and their keys.
#[async_trait]
pub trait ClientRepo: Send + Sync {
    /// Adds a client, with its first key or none.
    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError>;

    /// Adds those of some clients whose ids are new, without keys, and says how many those were: what
    /// an import needs for each of its batches. Of two new ones with one id, the first stays. They
    /// must not have emails; one that has is refused and none is added.
    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError>;

    /// Finds a client.
    async fn by_id(&self, id: &ClientId, read: Read) -> Result<Option<Client>, StoreError>;

    /// Finds a key and whose it is.
    async fn by_key(&self, digest: &KeyDigest, read: Read)
    -> Result<Option<(Client, KeyRecord)>, StoreError>;
}

/// Answers about usage. Their cost follows clients and blocks, never the number of activities.
#[async_trait]
pub trait UsageRepo: Send + Sync {
    /// Usage by day and client.
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError>;

    /// The clients with the most requests.
    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError>;
}

/// A store's housekeeping.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Folds waiting deltas into blocks, a bounded number of them. Answers never depend on it; their
    /// speed does.
    async fn compact(&self, now: Timestamp) -> Result<Compacted, StoreError>;
}

/// What one call of [`Upkeep::compact`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Deltas folded.
    pub deltas: u64,
    /// Whether more may be waiting.
    pub more: bool,
}

/// Keeps every subject within its quotas: never more than a limit in any window of its quota's length,
/// however many ask at once. Time never runs back for it; while a clock that was put back catches up,
/// nothing that counts stops counting.
///
/// Quotas come with each call and are not stored: a changed limit acts at once. A changed window does
/// too; what a shorter one had let go of stays forgotten.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes the cost from all quotas of a subject, or from none.
    async fn take(&self, subject: &Subject, quotas: &Quotas, cost: Cost) -> Result<Decision, Degraded>;

    /// Gives back what an admitted call took, to the part of the window that it was counted in; what no
    /// longer counts, or was reset meanwhile, gives nothing. Subject and quotas are those of the call.
    async fn refund(&self, subject: &Subject, quotas: &Quotas, taken: Taken) -> Result<(), Degraded>;

    /// Where quotas stand, in their order. Costs nothing.
    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded>;

    /// Forgets what a subject has taken, from every quota.
    async fn reset(&self, subject: &Subject) -> Result<(), Degraded>;
}
