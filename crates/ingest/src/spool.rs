//! The spool: the port `Recorder` over a folder of segments.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use activity_domain::activity::Activity;
use activity_domain::error::RecordError;
use activity_domain::id::StreamId;
use activity_domain::port::{LiveFeed, Randomness, Receipt, Recorder};
use async_trait::async_trait;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use crate::account::Refusals;
use crate::codec;
use crate::disk::Disk;
use crate::flusher::{Flusher, Job, Queue};
use crate::frame;
use crate::keep::{self, Kept};
use crate::live::{Live, Publication};
use crate::log::Log;
use crate::reader::Reader;
use crate::segment::Segment;

/// The size and place of a spool.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// The folder; it is made if missing, and belongs to one process at a time.
    pub folder: PathBuf,
    /// What all segments together may take. When it is reached, events are refused until the
    /// database has caught up.
    pub max_bytes: u64,
}

impl SpoolConfig {
    /// Segments are a sixteenth of the spool, between 1 and 16 MiB: small enough to be given back
    /// soon, large enough that opening one is rare.
    fn segment_bytes(&self) -> u64 {
        (self.max_bytes / 16).clamp(1 << 20, 16 << 20)
    }
}

/// How long a segment is written to. One more in so long a time costs nothing.
const SEGMENT_AGE: Duration = Duration::from_mins(15);

/// Frames that may wait for the flusher, in bytes.
const MAX_WAITING: usize = 64 << 20;

/// A spool could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the spool {0} is in use by another process")]
    InUse(PathBuf),
    /// The folder cannot be read or written.
    #[error("the spool {folder} cannot be opened: {error}")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// What spool and drainer share.
pub(crate) struct Shared {
    pub log: Arc<Mutex<Log>>,
    pub durable: watch::Receiver<u64>,
    /// How far the drainer has come in the current stream. It does not go down where the store goes back.
    pub drained: watch::Sender<u64>,
    /// The current stream is to be drained at once up to this number.
    pub wanted: watch::Sender<u64>,
    pub quarantine: PathBuf,
}

impl Shared {
    /// The sink stands here in a stream. What that means for the totals is counted in the same moment, for
    /// whoever compares them.
    pub fn drained(&self, stream: StreamId, next: u64, count: impl FnOnce()) {
        let mut log = self.log.lock();
        count();
        log.settle(stream, next);
        if stream == log.current() {
            self.drained.send_if_modified(|drained| {
                let is_more = next > *drained;
                *drained = next.max(*drained);
                is_more
            });
        }
    }
}

/// A durable spool. Dropping it writes what waits and ends its thread.
pub struct Spool {
    stream: StreamId,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    refusals: Refusals,
    max_bytes: u64,
    flusher: Option<std::thread::JoinHandle<()>>,
    /// Ends after the flusher, which tells it what is durable.
    live: Option<Live>,
    /// Held for as long as the spool is open.
    _lock: File,
}

impl Spool {
    /// Opens a folder. What an earlier process left in it will be drained first.
    pub fn open(
        config: &SpoolConfig,
        disk: Arc<dyn Disk>,
        random: &dyn Randomness,
    ) -> Result<Self, OpenError> {
        let io = |error| OpenError::Io { folder: config.folder.clone(), error };
        let lock = claim(&config.folder)?;
        let (older, kept) = segments(&config.folder).map_err(io)?;
        let known = older.iter().map(|(s, _)| s).chain(kept.iter().map(|(s, ..)| s));
        let opening = known.map(|s| s.opening + 1).max().unwrap_or(0);
        let mut bits = [0; 16];
        random.fill(&mut bits);
        let stream = StreamId(Uuid::from_bytes(bits));
        let log = Arc::new(Mutex::new(Log::with_kept(older, kept, stream)));
        let (durable, durable_seen) = watch::channel(0);
        let queue = Arc::new(Queue::new(MAX_WAITING));
        let flusher = Flusher {
            folder: config.folder.clone(),
            opening,
            stream,
            segment_bytes: config.segment_bytes(),
            segment_age: SEGMENT_AGE,
            max_bytes: config.max_bytes,
            disk,
            log: log.clone(),
            durable,
        };
        let jobs = queue.clone();
        let thread = std::thread::Builder::new().name("spool-flusher".into());
        let flusher = thread.spawn(move || flusher.run(&jobs)).map_err(io)?;
        let shared = Arc::new(Shared {
            log,
            durable: durable_seen,
            drained: watch::Sender::new(0),
            wanted: watch::Sender::new(0),
            quarantine: config.folder.join("quarantine"),
        });
        Ok(Self {
            stream,
            queue,
            shared,
            refusals: Refusals::default(),
            max_bytes: config.max_bytes,
            flusher: Some(flusher),
            live: None,
            _lock: lock,
        })
    }

    /// From now on a feed is told what becomes durable, in the order of its numbers.
    pub fn publishing(self, feed: Arc<dyn LiveFeed>) -> std::io::Result<Self> {
        let mut spool = self;
        spool.live = Some(Live::start(feed)?);
        Ok(spool)
    }

    /// How many activities were made durable since it was opened.
    pub fn accepted(&self) -> u64 {
        self.shared.log.lock().accepted()
    }

    /// How many of them the sink does not have yet.
    pub fn pending(&self) -> u64 {
        self.shared.log.lock().waiting()
    }

    /// Whether events can be made durable at present, found out by doing it with none.
    pub async fn check(&self) -> Result<(), RecordError> {
        self.submit(Vec::new(), 0, None).await.map(|_| ())
    }

    async fn write(&self, batch: Vec<Activity>) -> Result<u64, RecordError> {
        let count = batch.len() as u64;
        let frames = frames(&batch)?;
        // Where nobody is told, the batch is not needed any more.
        let live = self.live.as_ref().and_then(|live| live.keep(batch, frames.len()));
        self.submit(frames, count, live).await
    }

    async fn submit(
        &self,
        frames: Vec<u8>,
        count: u64,
        live: Option<Publication>,
    ) -> Result<u64, RecordError> {
        let (done, answer) = oneshot::channel();
        self.queue.push(Job { frames, count, live, done })?;
        // Without an answer the flusher is gone, and with it the node's promise.
        answer.await.map_err(|_| RecordError::Closed)?
    }

    /// Bytes that its segments take on disk.
    pub fn bytes(&self) -> u64 {
        self.shared.log.lock().bytes()
    }

    /// Those of segments that are stored and only kept.
    pub fn kept_bytes(&self) -> u64 {
        self.shared.log.lock().kept_bytes()
    }

    /// What they may take at most.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.shared.log.clone(), self.shared.quarantine.clone())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.flusher.take() {
            // A panicked flusher has failed its callers already.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Recorder for Spool {
    async fn record(&self, batch: Vec<Activity>) -> Result<Receipt, RecordError> {
        if batch.is_empty() {
            return Ok(Receipt { stream: self.stream, next: 0 });
        }
        let recorded = self.write(batch).await;
        if let Err(error) = &recorded {
            self.refusals.note(error);
        }
        Ok(Receipt { stream: self.stream, next: recorded? })
    }

    async fn stored(&self, receipt: Receipt) {
        self.shared.wanted.send_if_modified(|wanted| {
            let more = receipt.next > *wanted;
            *wanted = receipt.next.max(*wanted);
            more
        });
        let mut drained = self.shared.drained.subscribe();
        let is_own = receipt.stream == self.stream;
        let there = |drained: &u64| receipt.next == 0 || is_own && *drained >= receipt.next;
        // The sender lives in `shared`, so the wait cannot fail.
        let _ = drained.wait_for(there).await;
    }
}

fn frames(batch: &[Activity]) -> Result<Vec<u8>, RecordError> {
    let mut frames = Vec::with_capacity(batch.len() * 192);
    for activity in batch {
        let at = frame::open(&mut frames);
        frames = codec::encode(activity, frames).map_err(|e| RecordError::Failing(e.to_string()))?;
        if !frame::close(&mut frames, at) {
            return Err(RecordError::Failing("an activity is too long".into()));
        }
    }
    Ok(frames)
}

/// Claims a folder for this process, for as long as the file is held. Whoever works on a node's data
/// without a spool takes this too.
pub fn claim(folder: &Path) -> Result<File, OpenError> {
    let io = |error| OpenError::Io { folder: folder.into(), error };
    // What lies in here is nobody's business but this user's.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    // A folder that a power cut takes away would take what was accepted into it along.
    for made in folder.ancestors().skip(1).take(2).filter(|made| made.exists()) {
        File::open(made).and_then(|made| made.sync_all()).map_err(io)?;
    }
    let file =
        File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(folder.into())),
        Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
    }
}

type Waiting = Vec<(Segment, u64)>;
type KeptOnes = Vec<(Segment, u64, Kept)>;

/// The segments in a folder: those that are to be drained, and those that are kept.
fn segments(folder: &Path) -> std::io::Result<(Waiting, KeptOnes)> {
    let (mut waiting, mut kept) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(segment) = Segment::recognise(&entry.path()) {
            waiting.push((segment, entry.metadata()?.len()));
        } else if let Some((segment, known)) = keep::recognise(&entry.path()) {
            let bytes = segment.path.metadata()?.len();
            kept.push((segment, bytes, known));
        }
    }
    Ok((waiting, kept))
}
