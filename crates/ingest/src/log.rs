//! Which segments there are, and how far they are durable. Shared by the one writer and the one reader.

use std::collections::VecDeque;

use activity_domain::id::StreamId;

use crate::segment::Segment;

/// The segments in the order in which they are drained, and how far the current stream is durable.
#[derive(Debug)]
pub struct Log {
    segments: VecDeque<Sized>,
    current: StreamId,
    durable: u64,
}

#[derive(Debug)]
struct Sized {
    segment: Segment,
    bytes: u64,
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
}

impl Log {
    /// A log of older segments, with their sizes, and a new stream that has none yet.
    pub fn new(mut older: Vec<(Segment, u64)>, current: StreamId) -> Self {
        older.sort_by_key(|(s, _)| (s.opening, s.stream, s.first));
        let segments = older.into_iter().map(|(segment, bytes)| Sized { segment, bytes }).collect();
        Self { segments, current, durable: 0 }
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
        self.segments.push_back(Sized { segment, bytes });
    }

    /// Everything below `next` is durable, if it is not void.
    pub fn advance(&mut self, next: u64) {
        self.durable = next;
    }

    /// The oldest segment.
    pub fn oldest(&self) -> Option<Readable> {
        self.readable(0)
    }

    /// The segment after this one, in the order of draining.
    pub fn after(&self, segment: &Segment) -> Option<Readable> {
        let at = self.segments.iter().position(|s| s.segment == *segment)?;
        self.readable(at + 1)
    }

    /// How far a segment may be read at present.
    pub fn refresh(&self, segment: &Segment) -> Option<Readable> {
        let at = self.segments.iter().position(|s| s.segment == *segment)?;
        self.readable(at)
    }

    /// The segments of a stream, oldest first.
    pub fn of_stream(&self, stream: StreamId) -> Vec<Segment> {
        let own = self.segments.iter().filter(|s| s.segment.stream == stream);
        own.map(|s| s.segment.clone()).collect()
    }

    /// Forgets a segment, whose file the caller deletes.
    pub fn remove(&mut self, segment: &Segment) {
        self.segments.retain(|s| s.segment != *segment);
    }

    fn readable(&self, at: usize) -> Option<Readable> {
        let segment = self.segments.get(at)?.segment.clone();
        let follower = self.segments.get(at + 1).filter(|next| next.segment.stream == segment.stream);
        let is_current = segment.stream == self.current;
        let until = match follower {
            Some(next) => Some(next.segment.void_before),
            None => is_current.then_some(self.durable),
        };
        Some(Readable { segment, until, growing: is_current && follower.is_none() })
    }
}
