//! Which segments there are, and how far they are durable. Shared by the one writer and the one reader.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use activity_domain::id::StreamId;

use crate::keep::Kept;
use crate::marks::Marks;
use crate::segment::Segment;

/// The segments in the order in which they are drained, and how far the current stream is durable.
#[derive(Debug)]
pub struct Log {
    segments: VecDeque<Entry>,
    current: StreamId,
    durable: u64,
    /// How many events became durable. They have fewer numbers than there are where some were refused.
    accepted: u64,
    /// When which numbers of the current stream became durable.
    marks: Marks,
    /// Before which number the sink has, or once had, all of a stream.
    settled: HashMap<StreamId, u64>,
    /// The number after the last frame of streams of earlier processes, as far as it was looked for.
    ends: HashMap<StreamId, u64>,
}

#[derive(Debug)]
struct Entry {
    segment: Segment,
    bytes: u64,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The sink may not have all of it yet.
    Waiting,
    /// The sink has all of it; it is there in case the store goes back.
    Kept(Kept),
    /// The store went back: it is to be drained again.
    Again(Again),
}

/// Which frames of a segment were stored before the store went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// The store lacks them from this number on.
    pub from: u64,
    /// The number after the last of them.
    pub next: u64,
}

impl Again {
    /// How many of a segment's frames the store lacks.
    pub fn lacking(&self, segment: &Segment) -> u64 {
        self.next.saturating_sub(self.from.max(segment.first))
    }
}

/// A segment and the number before which its frames count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The segment.
    pub segment: Segment,
    /// Frames from here on are void or not durable yet. `None`: every sound frame counts.
    pub until: Option<u64>,
    /// Whether frames may still be added.
    pub growing: bool,
    /// Set if it was kept and is read once more.
    pub again: Option<Again>,
}

impl Log {
    /// A log of older segments, with their sizes, and a new stream that has none yet.
    pub fn new(older: Vec<(Segment, u64)>, current: StreamId) -> Self {
        Self::with_kept(older, Vec::new(), current)
    }

    /// The same with segments that are kept. Of two copies of one segment the kept one counts, since
    /// nothing was added to it any more.
    pub fn with_kept(older: Vec<(Segment, u64)>, kept: Vec<(Segment, u64, Kept)>, current: StreamId) -> Self {
        let kept =
            kept.into_iter().map(|(segment, bytes, kept)| Entry { segment, bytes, state: State::Kept(kept) });
        let older = older.into_iter().map(|(segment, bytes)| Entry { segment, bytes, state: State::Waiting });
        let mut segments: Vec<Entry> = kept.chain(older).collect();
        // Stable, so that kept copies stay in front of others.
        segments.sort_by_key(|entry| entry.segment.order());
        segments.dedup_by_key(|entry| entry.segment.order());
        Self {
            segments: segments.into(),
            current,
            durable: 0,
            accepted: 0,
            marks: Marks::default(),
            settled: HashMap::new(),
            ends: HashMap::new(),
        }
    }

    /// The stream that is written now.
    pub fn current(&self) -> StreamId {
        self.current
    }

    /// The first sequence number of the current stream that is not durable.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum()
    }

    /// Those of kept segments among them.
    pub fn kept_bytes(&self) -> u64 {
        self.segments.iter().filter(|s| s.kept().is_some()).map(|s| s.bytes).sum()
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Adds a segment of the current stream. Frames of the one before it are void from its
    /// `void_before` on.
    pub fn push(&mut self, segment: Segment, bytes: u64) {
        self.segments.push_back(Entry { segment, bytes, state: State::Waiting });
    }

    /// Everything below `next` is durable, if it is not void: so many events more.
    pub fn advance(&mut self, next: u64, events: u64) {
        if next > self.durable {
            self.marks.add(self.durable, Instant::now());
        }
        self.durable = next;
        self.accepted += events;
    }

    /// How many events became durable.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The sink has, or once had, all of a stream before this number.
    pub fn settle(&mut self, stream: StreamId, next: u64) {
        let settled = self.settled.entry(stream).or_default();
        *settled = next.max(*settled);
        if stream == self.current {
            self.marks.forget_before(*settled);
        }
        let Self { segments, settled, current, .. } = self;
        settled.retain(|of, _| of == current || segments.iter().any(|s| s.segment.stream == *of));
    }

    /// When the oldest event of the current stream that is not settled became durable.
    pub fn since(&self) -> Option<Instant> {
        let settled = self.settled_of(self.current);
        (self.durable > settled).then(|| self.marks.of(settled)).flatten()
    }

    /// The frames of a stream of an earlier process end here.
    pub fn ends(&mut self, stream: StreamId, next: u64) {
        self.ends.insert(stream, next);
    }

    /// How many events of the current stream wait for the sink.
    pub fn waiting(&self) -> u64 {
        self.waiting_where(|stream| stream == self.current)
    }

    /// How many events of earlier processes wait for the sink, as far as is known.
    pub fn waiting_earlier(&self) -> u64 {
        self.waiting_where(|stream| stream != self.current)
    }

    /// The oldest segment of an earlier process that has events which wait.
    pub fn oldest_earlier(&self) -> Option<&Segment> {
        let mut all = (0..self.segments.len()).filter(|at| self.segments[*at].segment.stream != self.current);
        all.find(|at| self.waiting_in(*at) > 0).map(|at| &self.segments[at].segment)
    }

    /// The last segments of streams of earlier processes, as far as they are to be drained.
    pub fn last_earlier(&self) -> Vec<Readable> {
        let is_last = |at: &usize| {
            let stream = self.segments[*at].segment.stream;
            let follower = self.segments.get(at + 1);
            stream != self.current && follower.is_none_or(|next| next.segment.stream != stream)
        };
        let all = (0..self.segments.len()).filter(is_last);
        all.filter(|at| self.segments[*at].kept().is_none()).filter_map(|at| self.readable(at)).collect()
    }

    /// The oldest segment that is to be drained.
    pub fn oldest(&self) -> Option<Readable> {
        self.first_waiting(0)
    }

    /// The segment after this one, in the order of draining.
    pub fn after(&self, segment: &Segment) -> Option<Readable> {
        self.first_waiting(self.place(segment)? + 1)
    }

    /// How far a segment may be read at present.
    pub fn refresh(&self, segment: &Segment) -> Option<Readable> {
        self.readable(self.place(segment)?)
    }

    /// Whether there are segments of a stream.
    pub fn has(&self, stream: StreamId) -> bool {
        self.of(stream).next().is_some()
    }

    /// Forgets a segment, whose file the caller deletes.
    pub fn remove(&mut self, segment: &Segment) {
        self.segments.retain(|s| s.segment != *segment);
    }

    /// The sink has all of a segment: from now on it is kept, under this path.
    pub fn keep(&mut self, segment: &Segment, kept: Kept, path: PathBuf) {
        if let Some(at) = self.place(segment) {
            self.segments[at].state = State::Kept(kept);
            self.segments[at].segment.path = path;
        }
    }

    /// Whether any segment is kept.
    pub fn has_kept(&self) -> bool {
        self.segments.iter().any(|s| s.kept().is_some())
    }

    /// Streams of which segments are kept, oldest first.
    pub fn kept_streams(&self) -> Vec<StreamId> {
        let mut streams: Vec<StreamId> =
            self.segments.iter().filter(|s| s.kept().is_some()).map(|s| s.segment.stream).collect();
        // Those of a stream are neighbours.
        streams.dedup();
        streams
    }

    /// The number after the last frame that is kept of a stream.
    pub fn kept_end(&self, stream: StreamId) -> Option<u64> {
        self.of(stream).filter_map(|s| s.kept().map(|kept| kept.next)).max()
    }

    /// The first number of a stream, from `next` on, that can still be read here or never could.
    pub fn readable_from(&self, stream: StreamId, next: u64) -> Option<u64> {
        let mut of_stream = self.of(stream);
        let first = of_stream.next()?;
        // Where segments follow one another here, what lies between their frames is damage of old.
        let is_before = first.kept().is_some_and(|kept| kept.next <= next);
        // What lies between this number and a segment's first frame was refused, and lacks nowhere.
        Some(if is_before { next } else { first.segment.void_before.max(next) })
    }

    /// Kept segments with frames from `next` on are to be drained again; says which.
    pub fn go_back(&mut self, stream: StreamId, next: u64) -> Vec<Segment> {
        let mut again = Vec::new();
        for entry in self.segments.iter_mut().filter(|s| s.segment.stream == stream) {
            match &mut entry.state {
                State::Kept(kept) if kept.next > next => {
                    entry.state = State::Again(Again { from: next, next: kept.next });
                    again.push(entry.segment.clone());
                }
                // It goes back once more, while it is still being brought up.
                State::Again(again) => again.from = again.from.min(next),
                State::Kept(_) | State::Waiting => {}
            }
        }
        again
    }

    /// A segment's file has another name now.
    pub fn renamed(&mut self, segment: &Segment, path: PathBuf) {
        if let Some(at) = self.place(segment) {
            self.segments[at].segment.path = path;
        }
    }

    /// Forgets what is kept of a stream and older than the keep time, as far as the store has it, from the
    /// oldest on. The caller deletes the files, in this order.
    pub fn take_expired(&mut self, stream: StreamId, keep: Duration, stored: u64) -> Vec<Segment> {
        let is_over = |kept: Kept| kept.age() >= keep && kept.next <= stored;
        let of_stream = self.of(stream);
        let expired = of_stream.map_while(|s| s.kept().filter(|k| is_over(*k)).map(|_| s.segment.clone()));
        let expired: Vec<Segment> = expired.collect();
        self.segments.retain(|s| !expired.contains(&s.segment));
        expired
    }

    /// Forgets as many kept segments, oldest first, as make room for `len` bytes below `max`. The caller
    /// deletes the files. `None` if there cannot be so much room, and then nothing is forgotten.
    pub fn make_room(&mut self, len: u64, max: u64) -> Option<Vec<Segment>> {
        let mut over = (self.bytes() + len).saturating_sub(max);
        if over > self.kept_bytes() {
            return None;
        }
        let mut gone = Vec::new();
        while over > 0 {
            let (segment, bytes) = self.take_oldest_kept()?;
            over = over.saturating_sub(bytes);
            gone.push(segment);
        }
        Some(gone)
    }

    /// Forgets the oldest kept segment, whose file the caller deletes; says its size too.
    pub fn take_oldest_kept(&mut self) -> Option<(Segment, u64)> {
        let at = self.segments.iter().position(|s| s.kept().is_some())?;
        self.segments.remove(at).map(|entry| (entry.segment, entry.bytes))
    }

    fn settled_of(&self, stream: StreamId) -> u64 {
        self.settled.get(&stream).copied().unwrap_or(0)
    }

    fn waiting_where(&self, is_meant: impl Fn(StreamId) -> bool) -> u64 {
        let all = (0..self.segments.len()).filter(|at| is_meant(self.segments[*at].segment.stream));
        all.map(|at| self.waiting_in(at)).sum()
    }

    /// How many events of a segment wait, by their numbers.
    fn waiting_in(&self, at: usize) -> u64 {
        let Entry { segment, state, .. } = &self.segments[at];
        let follower = self.segments.get(at + 1).filter(|next| next.segment.stream == segment.stream);
        let until = match (state, follower) {
            (State::Kept(_), _) => return 0,
            (State::Again(again), _) => again.next,
            (State::Waiting, Some(next)) => next.segment.void_before,
            (State::Waiting, None) if segment.stream == self.current => self.durable,
            (State::Waiting, None) => self.ends.get(&segment.stream).copied().unwrap_or(0),
        };
        until.saturating_sub(segment.first.max(self.settled_of(segment.stream)))
    }

    fn of(&self, stream: StreamId) -> impl Iterator<Item = &Entry> {
        self.segments.iter().filter(move |s| s.segment.stream == stream)
    }

    fn place(&self, segment: &Segment) -> Option<usize> {
        self.segments.iter().position(|s| s.segment == *segment)
    }

    fn first_waiting(&self, from: usize) -> Option<Readable> {
        let at = self.segments.iter().skip(from).position(|s| s.kept().is_none())?;
        self.readable(from + at)
    }

    fn readable(&self, at: usize) -> Option<Readable> {
        let Entry { segment, state, .. } = self.segments.get(at)?;
        let follower = self.segments.get(at + 1).filter(|next| next.segment.stream == segment.stream);
        let is_current = segment.stream == self.current;
        let until = match follower {
            Some(next) => Some(next.segment.void_before),
            None => is_current.then_some(self.durable),
        };
        let again = if let State::Again(again) = state { Some(*again) } else { None };
        Some(Readable { segment: segment.clone(), until, growing: is_current && follower.is_none(), again })
    }
}

impl Entry {
    fn kept(&self) -> Option<Kept> {
        if let State::Kept(kept) = self.state { Some(kept) } else { None }
    }
}
