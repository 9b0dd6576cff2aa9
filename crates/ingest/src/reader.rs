//! Frames back out of segments, in order, around damage.
//!
//! A place that holds no sound frame is searched byte by byte for the next one; what was skipped is
//! kept in `quarantine/` and counted. Nothing is ever skipped silently.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::id::StreamId;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::frame::{self, Checksum, HEADER, Header, MAX_PAYLOAD};
use crate::keep::Keeper;
use crate::log::{Log, Readable};
use crate::segment::{self, Segment};

/// How much of a file is held in memory; it has to hold a frame.
const WINDOW: usize = 256 * 1024;
/// How far a number may jump from one frame to the next across damage.
const MAX_JUMP: u64 = 1 << 32;

const _: () = assert!(WINDOW > HEADER + MAX_PAYLOAD);

/// Frames that follow one another in one stream.
#[derive(Debug)]
pub struct Chunk {
    /// The stream.
    pub stream: StreamId,
    /// Number and payload of each frame.
    pub frames: Vec<(u64, Bytes)>,
}

impl Chunk {
    /// The frames below a number, and the others.
    pub fn split(self, at: u64) -> (Self, Self) {
        let Self { stream, mut frames } = self;
        let others = frames.split_off(frames.partition_point(|(sequence, _)| *sequence < at));
        (Self { stream, frames }, Self { stream, frames: others })
    }
}

/// Reads the segments of a log from the oldest to the newest, and lets the keeper have each that is used
/// up.
pub struct Reader {
    log: Arc<Mutex<Log>>,
    keeper: Keeper,
    quarantine: PathBuf,
    open: Option<Open>,
    /// Where the last restart was told to begin.
    from: Option<(StreamId, u64)>,
    damaged: u64,
    missing: u64,
}

struct Open {
    readable: Readable,
    checksum: Checksum,
    file: File,
    window: Window,
    offset: u64,
    /// No frame below this number is wanted.
    next: u64,
    /// The number after the last sound frame so far; 0 if there was none.
    end: u64,
    /// How many sound frames there were so far of those that the store lacks again.
    found_again: u64,
}

impl Reader {
    /// A reader over a log; what is damaged goes into the folder `quarantine`. Segments that are used up
    /// are deleted.
    pub fn new(log: Arc<Mutex<Log>>, quarantine: PathBuf) -> Self {
        let keeper = Keeper::new(log.clone(), Duration::ZERO);
        Self { log, keeper, quarantine, open: None, from: None, damaged: 0, missing: 0 }
    }

    /// The same; segments that are used up are kept for a while.
    #[must_use]
    pub fn keeping(mut self, keep: Duration) -> Self {
        self.keeper = Keeper::new(self.log.clone(), keep);
        self
    }

    /// How many damaged places were skipped.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// How many frames the store lacks that cannot be brought to it again.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The next frames, at most so many and about so many bytes; `None` when there is nothing to
    /// read at present. By calling it again the caller says that it needs the frames before no more.
    pub fn next_chunk(&mut self, max_frames: usize, max_bytes: usize) -> io::Result<Option<Chunk>> {
        let chunk = self.try_next_chunk(max_frames, max_bytes);
        if chunk.is_err() {
            // What was read in this call and not handed out must be read again: start over.
            self.open = None;
        }
        chunk
    }

    fn try_next_chunk(&mut self, max_frames: usize, max_bytes: usize) -> io::Result<Option<Chunk>> {
        loop {
            let Some(open) = self.current()? else { return Ok(None) };
            let (frames, gap) = open.read(max_frames, max_bytes)?;
            let segment = open.readable.segment.clone();
            let growing = open.readable.growing;
            if let Some((from, to)) = gap {
                self.set_aside_bytes(&segment, from, to)?;
            }
            if !frames.is_empty() {
                return Ok(Some(Chunk { stream: segment.stream, frames }));
            }
            if growing {
                return Ok(None);
            }
            self.leave(&segment)?;
        }
    }

    /// Starts over at the oldest segment. In this stream, frames below `next` are passed over; whatever
    /// else is still there is read again, and the caller knows by its numbers what it has.
    pub fn restart(&mut self, stream: StreamId, next: u64) {
        self.open = None;
        self.from = Some((stream, next));
    }

    /// The store stands at `next` in this stream, and what it had behind that is lost to it. Reads what is
    /// kept of that once more, beginning with the oldest segment that is to be read.
    ///
    /// `known` is up to where the stream was stored once. Of that, what lies before the first segment that is
    /// still here counts as missing. Says how many segments are read again.
    pub fn go_back(&mut self, stream: StreamId, next: u64, known: u64) -> usize {
        let (again, gone) = self.keeper.go_back(stream, next);
        let here = self.log.lock().readable_from(stream, next).unwrap_or(known.max(next));
        self.missing += gone + (here - next);
        self.restart(stream, next);
        again
    }

    /// Moves the segment that is to be read next into quarantine, if it was kept and is read once more.
    pub fn give_up(&mut self) {
        let Some(Readable { segment, again: Some(again), .. }) = self.log.lock().oldest() else { return };
        self.open = None;
        self.log.lock().remove(&segment);
        let missing = again.lacking(&segment);
        self.missing += missing;
        tracing::error!(missing, file = %segment.path.display(), "a kept segment cannot be read; quarantined");
        let name = segment.path.file_name().unwrap_or_default();
        let moved = std::fs::create_dir_all(&self.quarantine)
            .and_then(|()| std::fs::rename(&segment.path, self.quarantine.join(name)));
        if let Err(error) = moved {
            tracing::warn!(%error, "it stays where it is until the next start");
        }
    }

    /// Deletes what is kept of a stream and has been for long enough, as far as the store has it.
    pub fn expire(&self, stream: StreamId, stored: u64) {
        self.keeper.expire(stream, stored);
    }

    /// Looks where the frames of earlier processes end, so that they can be counted before they are read.
    pub fn measure(&mut self) {
        let earlier = self.log.lock().last_earlier();
        for readable in earlier {
            let stream = readable.segment.stream;
            // What cannot be read now is found out when it is to be drained.
            if let Ok(end) = Open::new(readable, 0).and_then(|mut open| open.measure()) {
                self.log.lock().ends(stream, end);
            }
        }
    }

    fn open(&self, readable: Readable) -> io::Result<Open> {
        let stream = readable.segment.stream;
        let next = self.from.filter(|(of, _)| *of == stream).map_or(0, |(_, next)| next);
        Open::new(readable, next)
    }

    fn current(&mut self) -> io::Result<Option<&mut Open>> {
        let log = self.log.lock();
        let known = self.open.as_ref().and_then(|open| log.refresh(&open.readable.segment));
        if known.is_none() {
            // The writer may have replaced a segment that it had not used yet.
            self.open = None;
        }
        let Some(readable) = known.or_else(|| log.oldest()) else { return Ok(None) };
        drop(log);
        if let Some(open) = &mut self.open {
            if open.readable.growing {
                // What was read past the durable end may have changed since.
                open.window = Window::default();
            }
            open.readable = readable;
        } else {
            self.open = Some(self.open(readable)?);
        }
        Ok(self.open.as_mut())
    }

    /// Goes on to the next segment and lets go of this one: all its frames were handed out and taken.
    fn leave(&mut self, segment: &Segment) -> io::Result<()> {
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        let (end, missing) = (open.end, open.missing());
        if let Some((from, to)) = open.tail()? {
            self.set_aside_bytes(segment, from, to)?;
        }
        if missing > 0 {
            tracing::error!(missing, file = %segment.path.display(), "a kept segment is damaged");
        }
        self.missing += missing;
        let next = self.log.lock().after(segment);
        self.keeper.retire(segment, end);
        self.open = None;
        self.open = next.map(|readable| self.open(readable)).transpose()?;
        Ok(())
    }

    fn set_aside_bytes(&mut self, segment: &Segment, from: u64, to: u64) -> io::Result<()> {
        // The same bytes have the same name, under whichever the segment goes at present.
        let name = segment.waiting_path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        std::fs::create_dir_all(&self.quarantine)?;
        let path = self.quarantine.join(format!("{name}-{from}.bad"));
        let mut bytes = Vec::new();
        let mut source = File::open(&segment.path)?;
        source.seek(SeekFrom::Start(from))?;
        source.take(to - from).read_to_end(&mut bytes)?;
        // A segment that is read once more need not make its damage look like more.
        let is_new = std::fs::read(&path).map_or(true, |known| known != bytes);
        if is_new {
            tracing::warn!(segment = %name, from, to, "damaged bytes in the spool are kept in quarantine");
        }
        let mut target = File::create(path)?;
        target.write_all(&bytes)?;
        // The segment is deleted in the end: what is in quarantine is the only copy then.
        target.sync_all()?;
        File::open(&self.quarantine)?.sync_all()?;
        self.damaged += u64::from(is_new);
        Ok(())
    }
}

type Gap = Option<(u64, u64)>;

impl Open {
    fn new(readable: Readable, next: u64) -> io::Result<Self> {
        let file = File::open(&readable.segment.path)?;
        let checksum = Checksum::of(readable.segment.stream);
        let next = next.max(readable.segment.first);
        let (window, offset) = (Window::default(), segment::HEADER as u64);
        Ok(Self { readable, checksum, file, window, offset, next, end: 0, found_again: 0 })
    }

    /// Whether there is nothing more that counts. A segment that is used up is looked through even if none of
    /// it is wanted: where its frames end is written down when it is kept.
    fn is_read(&self) -> bool {
        let read = if self.readable.growing { self.next } else { self.end };
        self.readable.until.is_some_and(|until| read >= until)
    }

    /// How many frames that the store lacks again were not found, once all has been read.
    fn missing(&self) -> u64 {
        let again = self.readable.again;
        again.map_or(0, |again| again.lacking(&self.readable.segment).saturating_sub(self.found_again))
    }

    /// Takes note of a sound frame that counts.
    fn pass(&mut self, sequence: u64) {
        if sequence >= self.end {
            self.end = sequence + 1;
            self.found_again +=
                u64::from(self.readable.again.is_some_and(|a| (a.from..a.next).contains(&sequence)));
        }
    }

    /// The number after the last of the frames that follow one another from the start.
    fn measure(&mut self) -> io::Result<u64> {
        while let Some((header, _)) = self.frame_at(self.offset)? {
            self.offset += (HEADER + header.length) as u64;
            self.pass(header.sequence);
        }
        Ok(self.end)
    }

    /// Frames in a row, and the damaged place before the first of them, if there is one. Stops at the
    /// next damaged place, which the call after that reports.
    fn read(&mut self, max_frames: usize, max_bytes: usize) -> io::Result<(Vec<(u64, Bytes)>, Gap)> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        let mut gap = None;
        while frames.len() < max_frames && bytes < max_bytes {
            if self.is_read() {
                break;
            }
            let found = match self.frame_at(self.offset)? {
                Some(found) => found,
                None if frames.is_empty() && gap.is_none() => {
                    let Some(at) = self.find_after(self.offset)? else { break };
                    gap = Some((self.offset, at));
                    self.offset = at;
                    continue;
                }
                None => break,
            };
            let (header, payload) = found;
            if self.readable.until.is_some_and(|until| header.sequence >= until) {
                break;
            }
            self.offset += (HEADER + header.length) as u64;
            self.pass(header.sequence);
            // After a seek, what lies before the wanted number is passed over.
            if header.sequence >= self.next {
                bytes += payload.len();
                self.next = header.sequence + 1;
                frames.push((header.sequence, payload));
            }
        }
        Ok((frames, gap))
    }

    /// A sound frame at this offset.
    fn frame_at(&mut self, offset: u64) -> io::Result<Option<(Header, Bytes)>> {
        let Some(header) = self.header_at(offset)? else { return Ok(None) };
        let Some(payload) = self.window.get(&self.file, offset + HEADER as u64, header.length)? else {
            return Ok(None);
        };
        Ok(frame::matches(header, &payload, self.checksum).then_some((header, payload)))
    }

    fn header_at(&mut self, offset: u64) -> io::Result<Option<Header>> {
        let bytes = self.window.slice(&self.file, offset, HEADER)?;
        Ok(bytes.and_then(|b| b.first_chunk()).and_then(frame::header))
    }

    /// The offset of the next sound frame behind a place that holds none.
    fn find_after(&mut self, damaged: u64) -> io::Result<Option<u64>> {
        let first = self.readable.segment.first;
        let mut offset = damaged + 1;
        while let Some(bytes) = self.window.slice(&self.file, offset, HEADER)? {
            if bytes == [0; HEADER] {
                // A length has a byte that is not zero among its first three: none begins in here
                // before the last two bytes.
                offset += HEADER as u64 - 2;
                continue;
            }
            if let Some(header) = self.header_at(offset)?
                && (first..self.next.saturating_add(MAX_JUMP)).contains(&header.sequence)
                && self.frame_at(offset)?.is_some()
            {
                return Ok(Some(offset));
            }
            offset += 1;
        }
        Ok(None)
    }

    /// What stands behind the last sound frame of a segment that is used up, without the zeros that
    /// it was made with: a write that a crash cut off, damage, or refused frames.
    fn tail(&mut self) -> io::Result<Gap> {
        let len = self.file.metadata()?.len();
        let mut end = len;
        let mut block = [0; 4096];
        while end > self.offset {
            let start = end.saturating_sub(block.len() as u64).max(self.offset);
            let part = &mut block[..usize::try_from(end - start).unwrap_or(0)];
            self.file.read_exact_at(part, start)?;
            if let Some(last) = part.iter().rposition(|b| *b != 0) {
                return Ok(Some((self.offset, start + last as u64 + 1)));
            }
            end = start;
        }
        Ok(None)
    }
}

/// A part of a file in memory.
#[derive(Default)]
struct Window {
    base: u64,
    bytes: Bytes,
}

impl Window {
    /// The bytes at an offset, or `None` past the end of the file.
    fn slice(&mut self, file: &File, offset: u64, len: usize) -> io::Result<Option<&[u8]>> {
        if self.start_of(offset, len).is_none() {
            self.load(file, offset)?;
        }
        Ok(self.start_of(offset, len).map(|start| &self.bytes[start..start + len]))
    }

    /// The same, sharing the window's memory.
    fn get(&mut self, file: &File, offset: u64, len: usize) -> io::Result<Option<Bytes>> {
        self.slice(file, offset, len)?;
        Ok(self.start_of(offset, len).map(|start| self.bytes.slice(start..start + len)))
    }

    fn start_of(&self, offset: u64, len: usize) -> Option<usize> {
        let start = usize::try_from(offset.checked_sub(self.base)?).ok()?;
        (start + len <= self.bytes.len()).then_some(start)
    }

    fn load(&mut self, mut file: &File, offset: u64) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(WINDOW);
        file.seek(SeekFrom::Start(offset))?;
        file.take(WINDOW as u64).read_to_end(&mut bytes)?;
        *self = Self { base: offset, bytes: bytes.into() };
        Ok(())
    }
}
