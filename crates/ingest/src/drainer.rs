//! Batches from the spool into the sink, until it has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Appended, Batch, Record, SetAside};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::codec;
use crate::reader::{Chunk, Reader};
use crate::spool::{Drained, Shared, Spool};

/// When a batch is due, and how large it may get.
#[derive(Debug, Clone)]
pub struct DrainConfig {
    /// A batch is due when so many events wait, but not sooner than [`PACE`] after the one before ...
    pub batch_size: usize,
    /// ... or the first of them has waited so long.
    pub interval: Duration,
    /// What a batch grows to when the spool is behind: one transaction costs about the same for a
    /// hundred rows and for some thousands.
    pub max_batch: usize,
    /// The pause after a first failure; it doubles up to 5 seconds while the store goes on failing.
    pub first_backoff: Duration,
}

impl DrainConfig {
    /// A configuration whose batches grow to 5,000 events when behind.
    pub fn new(batch_size: usize, interval: Duration) -> Self {
        let first_backoff = Duration::from_millis(200);
        Self { batch_size, interval, max_batch: batch_size.max(5_000), first_backoff }
    }
}

/// Under load a batch waits so long for company: a few large transactions cost less than many small
/// ones. A batch of the largest size does not wait.
pub const PACE: Duration = Duration::from_millis(100);
/// A batch's payload is kept near this many bytes.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// Failing batches are halved down to this. A single row would be mistaken for poison when it is the
/// store that refuses everything.
const MIN_BATCH: usize = 16;
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What became of the drained events since the start, and how often the store failed.
#[derive(Debug, Default)]
pub struct Totals {
    stored: AtomicU64,
    duplicate: AtomicU64,
    discarded: AtomicU64,
    set_aside: AtomicU64,
    earlier: AtomicU64,
    retries: AtomicU64,
    damaged: AtomicU64,
}

impl Totals {
    /// How the drained events split up.
    pub fn appended(&self) -> Appended {
        Appended {
            stored: self.stored.load(Ordering::Relaxed),
            duplicate: self.duplicate.load(Ordering::Relaxed),
            discarded: self.discarded.load(Ordering::Relaxed),
            set_aside: self.set_aside.load(Ordering::Relaxed),
        }
    }

    /// How many of them were accepted by an earlier process.
    pub fn earlier(&self) -> u64 {
        self.earlier.load(Ordering::Relaxed)
    }

    /// Attempts that failed and were repeated.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Damaged places in the spool that were skipped and kept in quarantine.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    fn add(&self, appended: Appended, is_earlier: bool) {
        let Appended { stored, duplicate, discarded, set_aside } = appended;
        if is_earlier {
            self.earlier.fetch_add(stored + duplicate + discarded + set_aside, Ordering::Relaxed);
        }
        self.stored.fetch_add(appended.stored, Ordering::Relaxed);
        self.duplicate.fetch_add(appended.duplicate, Ordering::Relaxed);
        self.discarded.fetch_add(appended.discarded, Ordering::Relaxed);
        self.set_aside.fetch_add(appended.set_aside, Ordering::Relaxed);
    }
}

/// Drains a spool into a sink. One per spool.
pub struct Drainer {
    shared: Arc<Shared>,
    reader: Option<Reader>,
    sink: Arc<dyn ActivitySink>,
    config: DrainConfig,
    totals: Arc<Totals>,
    /// Where the sink stands, if known.
    cursor: Option<Drained>,
    /// Since the sink last answered: where it would stand after each attempt, and how much that had.
    attempts: BTreeMap<u64, u64>,
    /// The size that the next batch may have; halved when the store fails.
    size: usize,
    backoff: Duration,
    last: Instant,
}

impl Drainer {
    /// A drainer for this spool.
    pub fn new(spool: &Spool, sink: Arc<dyn ActivitySink>, config: DrainConfig) -> Self {
        let (reader, size) = (Some(spool.reader()), config.max_batch);
        let (shared, totals) = (spool.shared(), Arc::default());
        let backoff = config.first_backoff;
        Self {
            shared,
            reader,
            sink,
            config,
            totals,
            cursor: None,
            attempts: BTreeMap::new(),
            size,
            backoff,
            last: Instant::now(),
        }
    }

    /// What it has done so far; stays readable while it runs.
    pub fn totals(&self) -> Arc<Totals> {
        self.totals.clone()
    }

    /// Drains until `stop` turns true, then goes on without waiting for full batches until nothing
    /// is left. The caller bounds that last part: with the store out of reach it does not end. An
    /// abandoned attempt is settled by the cursor when the spool is opened again.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            if !*stop.borrow() {
                self.wait(&mut stop).await;
            }
            match self.next_chunk().await {
                Ok(Some(chunk)) => self.store(chunk).await,
                Ok(None) if *stop.borrow() => return,
                // Durable frames that cannot be read (yet): damage at the end of a growing segment.
                Ok(None) => sleep(PACE).await,
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    if self.reader.is_none() {
                        // It was lost in a panic. Without a drainer the process must not go on.
                        return;
                    }
                    self.back_off().await;
                }
            }
        }
    }

    /// Waits until a batch is due. What an earlier process left is due at once.
    async fn wait(&self, stop: &mut watch::Receiver<bool>) {
        let Some(done) = self.caught_up() else { return };
        let mut durable = self.shared.durable.clone();
        let mut wanted = self.shared.wanted.subscribe();
        let [size, most] = [self.config.batch_size, self.config.max_batch].map(|n| done + n as u64);
        let not_before = self.last + PACE;
        let stopped = async { stop.wait_for(|stop| *stop).await.is_ok() };
        let due = async {
            if durable.wait_for(|next| *next > done).await.is_err() {
                // The spool is closed; there is nothing more to come but `stop`.
                return std::future::pending().await;
            }
            let deadline = Instant::now() + self.config.interval;
            let (mut full, mut filled) = (durable.clone(), durable.clone());
            let enough = async {
                let _ = filled.wait_for(|next| *next >= size).await;
                sleep_until(not_before).await;
            };
            tokio::select! {
                () = sleep_until(deadline) => {}
                () = enough => {}
                _ = full.wait_for(|next| *next >= most) => {}
                _ = wanted.wait_for(|wanted| *wanted > done) => {}
            }
        };
        tokio::select! {
            _ = stopped => {}
            () = due => {}
        }
    }

    /// Where the sink stands in the current stream, once older ones are done with.
    fn caught_up(&self) -> Option<u64> {
        let log = self.shared.log.lock();
        let current = log.current();
        let is_oldest = log.oldest().is_none_or(|oldest| oldest.segment.stream == current);
        match self.cursor {
            Some(cursor) if cursor.stream == current => Some(cursor.next),
            _ => is_oldest.then_some(0),
        }
    }

    /// Reads off the runtime's threads: a cold segment may have to come from the disk.
    async fn next_chunk(&mut self) -> std::io::Result<Option<Chunk>> {
        let Some(mut reader) = self.reader.take() else {
            return Err(std::io::Error::other("the reader was lost in a panic"));
        };
        let size = self.size;
        let read = move || {
            let chunk = reader.next_chunk(size, MAX_BATCH_BYTES);
            (reader, chunk)
        };
        let (reader, chunk) = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?;
        self.totals.damaged.store(reader.damaged(), Ordering::Relaxed);
        self.reader = Some(reader);
        chunk
    }

    /// Offers a chunk until the sink stands past it.
    async fn store(&mut self, chunk: Chunk) {
        let Some(expected) = self.position(chunk.stream).await else {
            return self.restart(chunk.stream, chunk.frames.first().map_or(0, |f| f.0));
        };
        let Some(batch) = batch(chunk, expected).map(Arc::new) else { return };
        let is_earlier = batch.stream != self.shared.log.lock().current();
        // As many as the store is told of; where it stands tells later which attempt went through.
        let size = (batch.records.len() + batch.unreadable.len()) as u64;
        self.attempts.insert(batch.next, size);
        match self.sink.append(&batch).await {
            Ok(Append::Stored(appended)) => {
                self.totals.add(appended, is_earlier);
                self.moved(batch.stream, batch.next);
                self.backoff = self.config.first_backoff;
                self.size = (self.size * 2).min(self.config.max_batch);
            }
            Ok(Append::Moved(next)) => {
                if let Some(&stored) = self.attempts.get(&next) {
                    // An attempt whose answer was lost had gone through.
                    self.totals.add(Appended { stored, ..Appended::default() }, is_earlier);
                }
                self.moved(batch.stream, next);
                self.restart(batch.stream, next);
            }
            Err(error) => {
                self.failed(&error).await;
                self.restart(batch.stream, expected);
            }
        }
    }

    /// Where the sink stands in a stream, asked once per stream. `None` if it cannot say.
    async fn position(&mut self, stream: StreamId) -> Option<u64> {
        if let Some(cursor) = self.cursor.filter(|c| c.stream == stream) {
            return Some(cursor.next);
        }
        match self.sink.position(stream).await {
            Ok(next) => {
                self.cursor = Some(Drained { stream, next });
                Some(next)
            }
            Err(error) => {
                self.failed(&error).await;
                None
            }
        }
    }

    fn moved(&mut self, stream: StreamId, next: u64) {
        self.attempts.clear();
        self.last = Instant::now();
        let drained = Drained { stream, next };
        self.cursor = Some(drained);
        self.shared.drained.send_replace(Some(drained));
    }

    fn restart(&mut self, stream: StreamId, next: u64) {
        if let Some(reader) = &mut self.reader {
            reader.restart(stream, next);
        }
    }

    async fn failed(&mut self, error: &StoreError) {
        self.totals.retries.fetch_add(1, Ordering::Relaxed);
        if error.is_transient() {
            tracing::warn!(%error, "the store does not take a batch; it stays in the spool");
        } else {
            tracing::error!(%error, "the store refuses a batch; it stays in the spool");
        }
        self.size = (self.size / 2).max(MIN_BATCH.min(self.config.max_batch));
        self.back_off().await;
    }

    async fn back_off(&mut self) {
        // Half fixed, half random: instances that failed together do not come back together.
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        sleep(self.backoff.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))).await;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
    }
}

/// The part of a chunk that the sink does not have yet; `None` if it has all.
fn batch(chunk: Chunk, expected: u64) -> Option<Batch> {
    let next = chunk.frames.last()?.0 + 1;
    if next <= expected {
        return None;
    }
    let (mut records, mut unreadable) = (Vec::with_capacity(chunk.frames.len()), Vec::new());
    for (_, payload) in chunk.frames.into_iter().filter(|(sequence, _)| *sequence >= expected) {
        match record(payload) {
            Ok(record) => records.push(record),
            Err(refused) => unreadable.push(refused),
        }
    }
    Some(Batch { stream: chunk.stream, expected, next, records, unreadable })
}

fn record(payload: Bytes) -> Result<Record, SetAside> {
    match codec::decode(&payload) {
        Ok(activity) => Ok(Record { payload, activity }),
        Err(error) => Err(SetAside { payload, reason: error.to_string() }),
    }
}
