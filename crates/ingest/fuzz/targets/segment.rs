//! A segment of any bytes through the reader: never a panic, nothing is handed out that is not a frame of
//! the stream, numbers rise, and everything else is kept.
//!
//! No fuzzer guesses checksums. So frames are sealed first, except those whose checksum field ends in an
//! odd byte, which stay damaged.

#![no_main]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use activity_domain::id::StreamId;
use activity_ingest::codec;
use activity_ingest::frame::{self, Checksum};
use activity_ingest::log::Log;
use activity_ingest::reader::Reader;
use activity_ingest::segment::{self, Segment};
use libfuzzer_sys::fuzz_target;
use parking_lot::Mutex;
use uuid::Uuid;

const STREAM: StreamId = StreamId(Uuid::from_u128(7));

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    seal(&mut bytes);
    let framed = frames(&bytes);
    // In memory where the system has a place for that: a disk would be all that is tested.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder");
    let found = read(folder.path(), &bytes);

    assert!(found.is_sorted_by(|(a, _), (b, _)| a < b), "numbers rise");
    for (sequence, payload) in &found {
        let there = framed.get(sequence).expect("it has a frame");
        assert!(there.iter().any(|(_, framed)| framed == payload), "it is that frame's payload");
        let _ = codec::decode(payload);
    }
    let handed: usize = found.iter().map(|(_, payload)| frame::HEADER + payload.len()).sum();
    let kept = kept(folder.path());
    let rest = bytes.len().saturating_sub(segment::HEADER + handed);
    assert!(kept <= rest, "{kept} bytes are kept of {rest} that were not handed out");
    if framed.is_empty() {
        assert!(found.is_empty());
    }
});

/// Makes sound frames of what has the shape of one.
fn seal(bytes: &mut [u8]) {
    let mut at = segment::HEADER;
    while let Some(header) = header_at(bytes, at) {
        let end = at + frame::HEADER + header.length;
        let Some(frame) = bytes.get_mut(at..end) else { return };
        if frame[7] & 1 == 0 {
            frame::seal(frame, Checksum::of(STREAM), header.sequence);
        }
        at = end;
    }
}

fn header_at(bytes: &[u8], at: usize) -> Option<frame::Header> {
    bytes.get(at..)?.first_chunk().and_then(frame::header)
}

/// Every sound frame at any offset, by number: a search without windows, jumps or order.
fn frames(bytes: &[u8]) -> HashMap<u64, Vec<(usize, Vec<u8>)>> {
    let mut found: HashMap<u64, Vec<(usize, Vec<u8>)>> = HashMap::new();
    for at in segment::HEADER..bytes.len() {
        let Some(header) = header_at(bytes, at) else { continue };
        let start = at + frame::HEADER;
        let Some(payload) = bytes.get(start..start + header.length) else { continue };
        if frame::matches(header, payload, Checksum::of(STREAM)) {
            found.entry(header.sequence).or_default().push((at, payload.to_vec()));
        }
    }
    found
}

fn read(folder: &Path, bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let segment = Segment::new(folder, 1, STREAM, 0, 0);
    fs::write(&segment.path, bytes).expect("a file");
    let log = Log::new(vec![(segment.clone(), bytes.len() as u64)], StreamId(Uuid::nil()));
    let mut reader = Reader::new(Arc::new(Mutex::new(log)), folder.join("quarantine"));
    let mut found = Vec::new();
    while let Some(chunk) = reader.next_chunk(3, 1 << 16).expect("a file that can be read") {
        assert!(!chunk.frames.is_empty());
        found.extend(chunk.frames.into_iter().map(|(sequence, payload)| (sequence, payload.to_vec())));
    }
    assert!(!segment.path.exists(), "a segment that is used up is deleted");
    found
}

/// How many bytes lie in quarantine.
fn kept(folder: &Path) -> usize {
    let files = fs::read_dir(folder.join("quarantine")).into_iter().flatten();
    files.map(|file| file.and_then(|file| file.metadata()).map_or(0, |about| about.len() as usize)).sum()
}
