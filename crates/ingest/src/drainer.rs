//! Batches from the spool into the sink, until it has them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Appended, Batch, LiveFeed, Record, SetAside};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, field};

use crate::codec;
use crate::reader::{Chunk, Reader};
use crate::spool::{Shared, Spool};
use crate::totals::Totals;

mod back;
mod found;

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
    /// How long a segment is kept after its last commit. Zero is for stores whose commits do not vanish.
    pub keep: Duration,
    /// How often the store is asked where it stands, while something is kept.
    pub check_every: Duration,
}

impl DrainConfig {
    /// A configuration whose batches grow to 5,000 events when behind.
    pub fn new(batch_size: usize, interval: Duration) -> Self {
        Self {
            batch_size,
            interval,
            max_batch: batch_size.max(5_000),
            first_backoff: Duration::from_millis(200),
            keep: Duration::ZERO,
            check_every: Duration::from_secs(3),
        }
    }

    /// The same for a store that may go back: one that promotes an asynchronous standby.
    #[must_use]
    pub fn keeping(self, keep: Duration) -> Self {
        Self { keep, ..self }
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

/// The target of its spans.
pub const SPAN: &str = "activity::span";

/// Drains a spool into a sink. One per spool.
pub struct Drainer {
    shared: Arc<Shared>,
    reader: Option<Reader>,
    sink: Arc<dyn ActivitySink>,
    config: DrainConfig,
    totals: Arc<Totals>,
    /// Where the sink stands in streams of which there are segments, as far as is known.
    cursors: HashMap<StreamId, u64>,
    /// For streams in which the store went back: what lies before this number is in the totals.
    counted: HashMap<StreamId, u64>,
    /// What is read is read again, and is due at once.
    is_going_back: bool,
    /// When a batch is due that waits for company.
    deadline: Option<Instant>,
    /// When the store is asked next where it stands.
    next_check: Instant,
    /// Whether it ever answered that.
    is_checked: bool,
    /// Since the sink last answered: where it would stand after each attempt, and how much that had.
    attempts: BTreeMap<u64, u64>,
    /// The size that the next batch may have; halved when the store fails.
    size: usize,
    backoff: Duration,
    /// How often in a row the spool could not be read.
    unreadable: u32,
    last: Instant,
    /// Is told what an earlier process made durable and the store does not have.
    feed: Option<Arc<dyn LiveFeed>>,
    /// Up to where, of which stream, and how much that was together.
    told: HashMap<StreamId, u64>,
    told_events: usize,
}

impl Drainer {
    /// A drainer for this spool.
    pub fn new(spool: &Spool, sink: Arc<dyn ActivitySink>, config: DrainConfig) -> Self {
        let (reader, size) = (Some(spool.reader().keeping(config.keep)), config.max_batch);
        let (shared, totals) = (spool.shared(), Arc::default());
        let backoff = config.first_backoff;
        Self {
            shared,
            reader,
            sink,
            config,
            totals,
            cursors: HashMap::new(),
            counted: HashMap::new(),
            is_going_back: false,
            deadline: None,
            next_check: Instant::now(),
            is_checked: false,
            attempts: BTreeMap::new(),
            size,
            backoff,
            unreadable: 0,
            last: Instant::now(),
            feed: None,
            told: HashMap::new(),
            told_events: 0,
        }
    }

    /// The same; a feed is told what an earlier process left.
    #[must_use]
    pub fn publishing(self, feed: Arc<dyn LiveFeed>) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// What it has done so far; stays readable while it runs.
    pub fn totals(&self) -> Arc<Totals> {
        self.totals.clone()
    }

    /// Drains until `stop` turns true, then goes on without waiting for full batches until nothing
    /// is left. The caller bounds that last part: with the store out of reach it does not end. An
    /// abandoned attempt is settled by the cursor when the spool is opened again.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // What an earlier process left is counted before the store is reached. If that fails, reading fails too.
        let _ = self.with_reader(Reader::measure).await;
        loop {
            if self.is_check_due(*stop.borrow()) {
                self.check().await;
            }
            if !*stop.borrow() && !self.wait(&mut stop).await {
                continue;
            }
            self.deadline = None;
            match self.next_chunk().await {
                Ok(Some(chunk)) => {
                    self.unreadable = 0;
                    self.store(chunk).await;
                }
                Ok(None) => {
                    self.is_going_back = false;
                    if *stop.borrow() && (self.is_checked || !self.has_kept()) {
                        return;
                    }
                    // Durable frames that cannot be read (yet): damage at the end of a growing segment.
                    sleep(PACE).await;
                }
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    if self.reader.is_none() {
                        // It was lost in a panic. Without a drainer the process must not go on.
                        return;
                    }
                    self.back_off().await;
                    self.give_up_unreadable().await;
                }
            }
        }
    }

    /// Waits until a batch is due (true) or a check is. What an earlier process left is due at once.
    async fn wait(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        let Some(done) = self.caught_up() else { return true };
        let mut durable = self.shared.durable.clone();
        let mut wanted = self.shared.wanted.subscribe();
        let [size, most] = [self.config.batch_size, self.config.max_batch].map(|n| done + n as u64);
        let (not_before, interval) = (self.last + PACE, self.config.interval);
        let (next_check, checks) = (self.next_check, self.checks());
        let deadline = &mut self.deadline;
        let stopped = async { stop.wait_for(|stop| *stop).await.is_ok() };
        let due = async {
            if durable.wait_for(|next| *next > done).await.is_err() {
                // The spool is closed; there is nothing more to come but `stop`.
                return std::future::pending().await;
            }
            // A check in between does not put it off.
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + interval);
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
            _ = stopped => true,
            () = due => true,
            () = sleep_until(next_check), if checks => false,
        }
    }

    /// Where the sink stands in the current stream, once there is nothing older to be drained.
    fn caught_up(&self) -> Option<u64> {
        let log = self.shared.log.lock();
        let current = log.current();
        let is_oldest = log.oldest().is_none_or(|oldest| oldest.segment.stream == current);
        let cursor = self.cursors.get(&current).copied();
        (is_oldest && !self.is_going_back).then_some(cursor.unwrap_or(0))
    }

    async fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let size = self.size;
        self.with_reader(move |reader| reader.next_chunk(size, MAX_BATCH_BYTES)).await?
    }

    /// Works with files off the runtime's threads: a cold segment may have to come from the disk.
    async fn with_reader<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Reader) -> T + Send + 'static,
    ) -> io::Result<T> {
        let Some(mut reader) = self.reader.take() else {
            return Err(io::Error::other("the reader was lost in a panic"));
        };
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut reader);
            (reader, done)
        });
        let (reader, done) = working.await.map_err(io::Error::other)?;
        self.totals.found(reader.damaged(), reader.missing());
        self.reader = Some(reader);
        Ok(done)
    }

    /// Offers a chunk until the sink stands past it. What was counted once is offered apart from what was
    /// not.
    async fn store(&mut self, chunk: Chunk) {
        let stream = chunk.stream;
        let first = chunk.frames.first().map_or(0, |frame| frame.0);
        let Some(expected) = self.position(stream, first).await else { return };
        let (again, fresh) = chunk.split(self.counted.get(&stream).copied().unwrap_or(0));
        let Some(expected) = self.offer(again, expected, true).await else { return };
        self.offer(fresh, expected, false).await;
    }

    /// Offers frames to the sink; says where it stands then, and `None` if the reader starts over.
    async fn offer(&mut self, chunk: Chunk, expected: u64, is_again: bool) -> Option<u64> {
        let Some(batch) = batch(chunk, expected).map(Arc::new) else { return Some(expected) };
        let is_earlier = batch.stream != self.shared.log.lock().current();
        let totals = self.totals.clone();
        let count = |appended| {
            if is_again { totals.add_again(appended) } else { totals.add(appended, is_earlier) }
        };
        if is_earlier && !is_again {
            self.tell(&batch);
        }
        // As many as the store is told of; where it stands tells later which attempt went through.
        let size = (batch.records.len() + batch.unreadable.len()) as u64;
        self.attempts.insert(batch.next, size);
        let (begun, oldest) = (Instant::now(), self.shared.log.lock().since().filter(|_| !is_earlier));
        match append(self.sink.as_ref(), &batch).await {
            Ok(Append::Stored(appended)) => {
                self.moved(batch.stream, batch.next, || count(appended));
                self.totals.batch_events.note(size);
                self.totals.batch_micros.note(micros(begun.elapsed()));
                if let Some(oldest) = oldest {
                    self.totals.lag_micros.note(micros(oldest.elapsed()));
                }
                self.backoff = self.config.first_backoff;
                self.size = (self.size * 2).min(self.config.max_batch);
                return Some(batch.next);
            }
            Ok(Append::Moved(next)) if next < expected => self.go_back(batch.stream, next).await,
            Ok(Append::Moved(next)) => {
                // An attempt whose answer was lost had gone through.
                let stored = self.attempts.get(&next).copied().unwrap_or(0);
                self.moved(batch.stream, next, || count(Appended { stored, ..Appended::default() }));
                self.restart(batch.stream, next);
            }
            Err(error) => {
                self.failed(&error).await;
                self.restart(batch.stream, expected);
            }
        }
        None
    }

    /// Where the sink stands in a stream, asked once per stream. `None` if it cannot say, or if it turns out
    /// to have gone back; then the reader starts over.
    async fn position(&mut self, stream: StreamId, first: u64) -> Option<u64> {
        if let Some(next) = self.cursors.get(&stream) {
            return Some(*next);
        }
        match self.sink.position(stream).await {
            Ok(next) if self.is_behind(stream, next) || self.is_ahead_of(stream, next) => {
                self.go_back(stream, next).await;
            }
            Ok(next) => {
                self.stands(stream, next);
                return Some(next);
            }
            Err(error) => {
                self.failed(&error).await;
                self.restart(stream, first);
            }
        }
        None
    }

    fn moved(&mut self, stream: StreamId, next: u64, count: impl FnOnce()) {
        self.attempts.clear();
        self.last = Instant::now();
        self.note(stream, next);
        self.shared.drained(stream, next, count);
    }

    fn stands(&mut self, stream: StreamId, next: u64) {
        self.note(stream, next);
        self.shared.log.lock().settle(stream, next);
    }

    fn note(&mut self, stream: StreamId, next: u64) {
        if self.cursors.insert(stream, next).is_none() {
            let log = self.shared.log.lock();
            self.cursors.retain(|of, _| log.has(*of));
        }
    }

    fn restart(&mut self, stream: StreamId, next: u64) {
        if let Some(reader) = &mut self.reader {
            reader.restart(stream, next);
        }
    }

    async fn failed(&mut self, error: &StoreError) {
        self.totals.add_retry();
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

/// In a span of its own, for traces.
async fn append(sink: &dyn ActivitySink, batch: &Arc<Batch>) -> Result<Append, StoreError> {
    let span = tracing::trace_span!(
        target: SPAN,
        "batch",
        otel.name = "store batch",
        otel.status_code = field::Empty,
        events = batch.records.len() + batch.unreadable.len(),
        stored = field::Empty,
    );
    let appended = sink.append(batch).instrument(span.clone()).await;
    match &appended {
        Ok(Append::Stored(appended)) => {
            span.record("stored", appended.stored);
        }
        Ok(Append::Moved(_)) => {}
        Err(_) => {
            span.record("otel.status_code", "ERROR");
        }
    }
    appended
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
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
