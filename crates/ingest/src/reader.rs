//! Frames back out of segments, in order, around damage.
//!
//! A place that holds no sound frame is searched byte by byte for the next one; what was skipped is
//! kept in `quarantine/` and counted. Nothing is ever skipped silently.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use activity_domain::id::StreamId;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::frame::{self, Checksum, HEADER, Header, MAX_PAYLOAD};
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

/// Reads the segments of a log from the oldest to the newest, deleting each that is used up.
pub struct Reader {
    log: Arc<Mutex<Log>>,
    quarantine: PathBuf,
    open: Option<Open>,
    /// Where the last restart was told to begin.
    from: Option<(StreamId, u64)>,
    damaged: u64,
}

struct Open {
    readable: Readable,
    checksum: Checksum,
    file: File,
    window: Window,
    offset: u64,
    /// No frame below this number is wanted.
    next: u64,
}

impl Reader {
    /// A reader over a log; what is damaged goes into the folder `quarantine`.
    pub fn new(log: Arc<Mutex<Log>>, quarantine: PathBuf) -> Self {
        Self { log, quarantine, open: None, from: None, damaged: 0 }
    }

    /// How many damaged places were skipped.
    pub fn damaged(&self) -> u64 {
        self.damaged
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

    /// Goes on to the next segment and deletes this one: all its frames were handed out and taken.
    fn leave(&mut self, segment: &Segment) -> io::Result<()> {
        if let Some((from, to)) = self.open.as_mut().and_then(|open| open.tail().transpose()).transpose()? {
            self.set_aside_bytes(segment, from, to)?;
        }
        let mut log = self.log.lock();
        let next = log.after(segment);
        log.remove(segment);
        drop(log);
        self.open = None;
        self.open = next.map(|readable| self.open(readable)).transpose()?;
        // A file that stays behind is drained again after the next start, which changes nothing.
        if let Err(error) = std::fs::remove_file(&segment.path) {
            tracing::warn!(%error, file = %segment.path.display(), "a drained segment cannot be deleted");
        }
        Ok(())
    }

    fn set_aside_bytes(&mut self, segment: &Segment, from: u64, to: u64) -> io::Result<()> {
        let name = segment.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        tracing::warn!(segment = %name, from, to, "damaged bytes in the spool are kept in quarantine");
        std::fs::create_dir_all(&self.quarantine)?;
        let mut source = File::open(&segment.path)?;
        let mut target = File::create(self.quarantine.join(format!("{name}-{from}.bad")))?;
        source.seek(SeekFrom::Start(from))?;
        io::copy(&mut source.take(to - from), &mut target)?;
        // The segment is deleted next: what is in quarantine is the only copy then.
        target.sync_all()?;
        File::open(&self.quarantine)?.sync_all()?;
        self.damaged += 1;
        Ok(())
    }
}

type Gap = Option<(u64, u64)>;

impl Open {
    fn new(readable: Readable, next: u64) -> io::Result<Self> {
        let file = File::open(&readable.segment.path)?;
        let checksum = Checksum::of(readable.segment.stream);
        let next = next.max(readable.segment.first);
        Ok(Self { readable, checksum, file, window: Window::default(), offset: segment::HEADER as u64, next })
    }

    /// Frames in a row, and the damaged place before the first of them, if there is one. Stops at the
    /// next damaged place, which the call after that reports.
    fn read(&mut self, max_frames: usize, max_bytes: usize) -> io::Result<(Vec<(u64, Bytes)>, Gap)> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        let mut gap = None;
        while frames.len() < max_frames && bytes < max_bytes {
            if self.readable.until.is_some_and(|until| self.next >= until) {
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
