//! The one writer. Everything that waits goes into one write and one fdatasync (group commit), so the
//! cost of durability is shared by all callers of that moment.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_domain::error::RecordError;
use activity_domain::id::StreamId;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{oneshot, watch};

use crate::disk::{Disk, SegmentFile};
use crate::frame::{self, Checksum};
use crate::keep;
use crate::live::Publication;
use crate::log::Log;
use crate::segment::{self, Segment};

/// When this many calls came together in a group, more are on their way, and the next group waits for
/// them a little, so that groups are fewer and larger.
const BUSY: usize = 8;
const GATHER: Duration = Duration::from_millis(1);

/// Calls that may wait, those without frames too.
const MAX_JOBS: usize = 65_536;
const LARGEST_FRAME: u64 = (frame::HEADER + frame::MAX_PAYLOAD) as u64;

/// Frames of one `record` call, not numbered yet.
pub struct Job {
    /// One or more frames, without number and checksum.
    pub frames: Vec<u8>,
    /// How many.
    pub count: u64,
    /// Who is told when they are durable, besides the caller.
    pub(crate) live: Option<Publication>,
    /// Is told the sequence number after the last frame, once they are durable.
    pub done: oneshot::Sender<Result<u64, RecordError>>,
}

/// What waits for the flusher, bounded in bytes.
pub struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    max_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// A queue that holds so many bytes of frames.
    pub fn new(max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), wake: Condvar::new(), max_bytes }
    }

    /// Adds a job, unless too much waits already.
    pub fn push(&self, job: Job) -> Result<(), RecordError> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(RecordError::Closed);
        }
        if waiting.bytes + job.frames.len() > self.max_bytes || waiting.jobs.len() >= MAX_JOBS {
            return Err(RecordError::Full);
        }
        waiting.bytes += job.frames.len();
        waiting.jobs.push(job);
        self.wake.notify_one();
        Ok(())
    }

    /// No more jobs are taken; those that wait are still written.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.wake.notify_one();
    }

    /// Waits for work, then for more of it, and takes all. `None` once closed and empty.
    fn take(&self, gather: Duration) -> Option<Vec<Job>> {
        if !gather.is_zero() {
            std::thread::sleep(gather);
        }
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            self.wake.wait(&mut waiting);
        }
        waiting.bytes = 0;
        Some(std::mem::take(&mut waiting.jobs))
    }
}

/// However the flusher ends, even by a panic, nobody waits for it any longer.
struct CloseAtEnd<'a>(&'a Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.closed = true;
        waiting.jobs.clear();
    }
}

/// Where and how segments are written.
pub struct Flusher {
    /// The spool's folder.
    pub folder: PathBuf,
    /// The number of this opening.
    pub opening: u64,
    /// The stream of this opening.
    pub stream: StreamId,
    /// The length that segments usually have.
    pub segment_bytes: u64,
    /// After this, a segment with something in it is not gone on with, so that what is stored goes from the disk
    /// where little comes in, too.
    pub segment_age: Duration,
    /// The length that all segments together may have.
    pub max_bytes: u64,
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// Shared with the reader.
    pub log: Arc<Mutex<Log>>,
    /// Is told how far the stream is durable.
    pub durable: watch::Sender<u64>,
}

struct Active {
    segment: Segment,
    file: Box<dyn SegmentFile>,
    offset: u64,
    size: u64,
    since: Instant,
}

impl Flusher {
    /// Writes what comes through the queue until it is closed and empty.
    pub fn run(self, queue: &Queue) {
        let _closed = CloseAtEnd(queue);
        let mut writer = Writer {
            checksum: Checksum::of(self.stream),
            flusher: self,
            active: None,
            next: 0,
            durable: 0,
            buffer: Vec::new(),
        };
        let mut gather = Duration::ZERO;
        while let Some(jobs) = queue.take(gather) {
            gather = if jobs.len() >= BUSY { GATHER } else { Duration::ZERO };
            writer.flush(jobs);
        }
    }
}

struct Writer {
    flusher: Flusher,
    checksum: Checksum,
    active: Option<Active>,
    /// The next number to give out. Numbers of refused frames are not given out again.
    next: u64,
    /// The number after the last frame that was acknowledged.
    durable: u64,
    buffer: Vec<u8>,
}

impl Writer {
    fn flush(&mut self, jobs: Vec<Job>) {
        self.buffer.clear();
        for job in &jobs {
            self.buffer.extend_from_slice(&job.frames);
        }
        let mut next = self.next;
        let written = self.write();
        if written.is_ok() {
            // What was acknowledged counts, whether or not the caller is still there to hear it.
            let accepted = jobs.iter().map(|job| job.count).sum();
            self.flusher.log.lock().advance(self.durable, accepted);
        }
        for job in jobs {
            next += job.count;
            // A caller that has gone away has no use for the answer.
            let _ = job.done.send(written.clone().map(|()| next));
            if let Some(live) = job.live.filter(|_| written.is_ok()) {
                live.publish();
            }
        }
        if written.is_ok() {
            self.flusher.durable.send_replace(self.durable);
        }
    }

    fn write(&mut self) -> Result<(), RecordError> {
        // A group of nothing asks whether events could be taken, so there has to be room for one.
        let room = if self.buffer.is_empty() { LARGEST_FRAME } else { self.buffer.len() as u64 };
        let fits = self.active.as_ref().is_some_and(|a| a.offset + room <= a.size);
        if !fits {
            self.rotate(room)?;
        } else if self.is_old() && self.rotate(room).is_err() {
            // There is no room for another one: this one is as good as it was.
            self.active.iter_mut().for_each(|active| active.since = Instant::now());
        }
        let Some(active) = self.active.as_mut() else { return Err(RecordError::Closed) };
        let after = frame::seal(&mut self.buffer, self.checksum, self.next);
        self.next = after;
        let synced = active.file.write_at(&self.buffer, active.offset).and_then(|()| active.file.sync());
        if let Err(error) = synced {
            if self.buffer.is_empty() {
                // The next segment needs another name than the one that is given up.
                self.next += 1;
            }
            tracing::error!(%error, "the spool's segment cannot be written; it is given up for a new one");
            self.give_up();
            return Err(RecordError::Failing(error.to_string()));
        }
        active.offset += self.buffer.len() as u64;
        if !self.buffer.is_empty() {
            // A group of nothing makes no number durable that was refused before it.
            self.durable = after;
        }
        Ok(())
    }

    fn is_old(&self) -> bool {
        let has_frames = |active: &&Active| active.offset > segment::HEADER as u64;
        let active = self.active.as_ref().filter(has_frames);
        active.is_some_and(|active| active.since.elapsed() >= self.flusher.segment_age)
    }

    /// Opens a segment with room for `len` bytes of frames. Where that fails, nothing has changed.
    fn rotate(&mut self, len: u64) -> Result<(), RecordError> {
        let f = &self.flusher;
        let size = f.segment_bytes.max(len + segment::HEADER as u64);
        if !keep::make_room(&f.log, size, f.max_bytes) {
            return Err(RecordError::Full);
        }
        let segment = Segment::new(&f.folder, f.opening, f.stream, self.next, self.durable);
        if let Some(unused) = self.active.take_if(|active| active.segment == segment) {
            // It is too small for this group and holds nothing; the new one takes its place and name.
            f.log.lock().remove(&unused.segment);
            std::fs::remove_file(&unused.segment.path).map_err(|e| RecordError::Failing(e.to_string()))?;
        }
        let failing = |error: std::io::Error| {
            tracing::error!(%error, "the spool cannot open a segment");
            RecordError::Failing(error.to_string())
        };
        let file = self.create(&segment, size).map_err(failing)?;
        if let Err(error) = file.write_at(&segment.header(), 0) {
            // Without a header and with nothing in it, the file would only mislead.
            let _ = std::fs::remove_file(&segment.path);
            return Err(failing(error));
        }
        f.log.lock().push(segment.clone(), size);
        self.active =
            Some(Active { segment, file, offset: segment::HEADER as u64, size, since: Instant::now() });
        Ok(())
    }

    /// Creates a segment's file. On a disk that is full what is only kept gives way, one by one.
    fn create(&self, segment: &Segment, size: u64) -> std::io::Result<Box<dyn SegmentFile>> {
        let f = &self.flusher;
        loop {
            match f.disk.create(&segment.path, size) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
                        && keep::give_way(&f.log) => {}
                created => return created,
            }
        }
    }

    /// Leaves a segment whose last write failed. Cutting it keeps the refused frames from being read
    /// after a restart; the next segment's header says the same, in case the cut fails too.
    fn give_up(&mut self) {
        if let Some(active) = self.active.take()
            && let Err(error) = active.file.truncate(active.offset)
        {
            tracing::warn!(%error, "the given-up segment cannot be cut");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use uuid::Uuid;

    /// The segments that there are after three groups of one frame each, and one of none.
    fn segments(segment_age: Duration, max_bytes: u64) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let stream = StreamId(Uuid::from_u128(1));
        let flusher = Flusher {
            folder: folder.path().to_owned(),
            opening: 0,
            stream,
            segment_bytes: 1 << 20,
            segment_age,
            max_bytes,
            disk: Arc::new(RealDisk),
            log: Arc::new(Mutex::new(Log::new(Vec::new(), stream))),
            durable: watch::Sender::new(0),
        };
        let queue = Queue::new(1 << 20);
        std::thread::scope(|scope| {
            scope.spawn(|| flusher.run(&queue));
            for count in [1, 1, 1, 0] {
                let mut frames = Vec::new();
                if count == 1 {
                    let at = frame::open(&mut frames);
                    assert!(frame::close(&mut frames, at));
                }
                let (done, answer) = oneshot::channel();
                queue.push(Job { frames, count, live: None, done }).unwrap();
                assert!(answer.blocking_recv().unwrap().is_ok());
            }
            queue.close();
        });
        std::fs::read_dir(folder.path()).unwrap().count()
    }

    #[test]
    fn what_is_in_an_old_segment_is_not_held_up_by_what_comes() {
        assert_eq!(segments(Duration::from_hours(1), 64 << 20), 1);
        assert_eq!(segments(Duration::ZERO, 64 << 20), 4, "the last one has nothing in it");
        assert_eq!(segments(Duration::ZERO, 2 << 20), 2, "without room, old ones are as good as new ones");
    }
}
