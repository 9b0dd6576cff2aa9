//! Damage to segments: neighbours stay intact, nothing panics, nothing is invented.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, that is how it fails")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use activity_domain::id::StreamId;
use activity_domain::port::Recorder;
use activity_ingest::log::Log;
use activity_ingest::reader::Reader;
use activity_ingest::segment::{self, Segment};
use activity_ingest::{codec, frame};
use parking_lot::Mutex;
use proptest::prelude::*;
use support::{activities, open};
use uuid::Uuid;

const EVENTS: u64 = 40;

/// A segment as it was written, with the place of each frame.
struct Original {
    name: PathBuf,
    bytes: Vec<u8>,
    frames: Vec<std::ops::Range<usize>>,
}

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let spool = open(folder.path(), 1);
        runtime.block_on(spool.record(activities(0..EVENTS))).unwrap();
        drop(spool);
        let file = segments(folder.path()).remove(0).path;
        let mut bytes = std::fs::read(&file).unwrap();
        let mut frames = Vec::new();
        let mut at = segment::HEADER;
        while let Some(header) = frame::header(bytes[at..at + frame::HEADER].try_into().unwrap()) {
            frames.push(at..at + frame::HEADER + header.length);
            at += frame::HEADER + header.length;
        }
        assert_eq!(frames.len() as u64, EVENTS);
        // Some of the zeros behind the frames, not all the megabytes.
        bytes.truncate(at + 300);
        Original { name: file.file_name().unwrap().into(), bytes, frames }
    })
}

fn segments(folder: &Path) -> Vec<Segment> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter_map(|path| Segment::recognise(&path)).collect()
}

/// Reads a damaged copy: the numbers of the events found, in the order found.
fn read(bytes: &[u8]) -> (Vec<u64>, u64, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(&original().name), bytes).unwrap();
    let older = segments(folder.path()).into_iter().map(|s| (s, bytes.len() as u64)).collect();
    let log = Log::new(older, StreamId(Uuid::nil()));
    let quarantine = folder.path().join("quarantine");
    let mut reader = Reader::new(Arc::new(Mutex::new(log)), quarantine.clone());
    let mut found = Vec::new();
    while let Some(chunk) = reader.next_chunk(7, 1 << 20).unwrap() {
        found.extend(chunk.frames.iter().map(|(_, payload)| {
            codec::decode(payload).expect("a frame that is handed out is sound").response_bytes.unwrap()
        }));
    }
    assert!(segments(folder.path()).is_empty(), "a segment that is used up is deleted");
    let kept = std::fs::read_dir(quarantine).into_iter().flatten();
    let kept = kept.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    (found, reader.damaged(), kept)
}

fn whole() -> Vec<u64> {
    (0..EVENTS).collect()
}

#[test]
fn an_undamaged_segment_is_read_in_order_and_nothing_is_quarantined() {
    assert_eq!(read(&original().bytes), (whole(), 0, Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any bytes changed: the frames that were not touched are all found, in order, and only they.
    /// What was touched is kept.
    #[test]
    fn flipped_bytes_cost_the_frames_they_hit_and_no_other(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6)
    ) {
        let mut bytes = original().bytes.clone();
        let mut hit = Vec::new();
        for (index, mask) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= mask;
            hit.push(at);
        }
        let expected: Vec<u64> = whole().into_iter().filter(|n| {
            let frame = &original().frames[usize::try_from(*n).unwrap()];
            frame.clone().all(|at| bytes[at] == original().bytes[at])
        }).collect();
        let lost = whole().len() - expected.len();
        let (found, damaged, kept) = read(&bytes);
        prop_assert_eq!(&found, &expected);
        if lost > 0 {
            prop_assert!(damaged >= 1);
            let kept: usize = kept.iter().map(Vec::len).sum();
            prop_assert!(kept >= frame::HEADER);
        }
    }

    /// Cut anywhere: what lies wholly before the cut is found.
    #[test]
    fn a_cut_file_keeps_what_lies_before_the_cut(at in any::<prop::sample::Index>()) {
        let bytes = &original().bytes[..at.index(original().bytes.len())];
        let expected = original().frames.iter().filter(|frame| frame.end <= bytes.len()).count();
        let (found, _, _) = read(bytes);
        prop_assert_eq!(found, (0..expected as u64).collect::<Vec<_>>());
    }

    /// A hole in the middle (a lost block): both sides are found.
    #[test]
    fn a_hole_keeps_both_sides(at in any::<prop::sample::Index>(), len in 1usize..2_000) {
        let mut bytes = original().bytes.clone();
        let from = at.index(bytes.len());
        let to = (from + len).min(bytes.len());
        bytes[from..to].fill(0);
        let expected: Vec<u64> = whole().into_iter().filter(|n| {
            let frame = &original().frames[usize::try_from(*n).unwrap()];
            bytes[frame.clone()] == original().bytes[frame.clone()]
        }).collect();
        prop_assert_eq!(read(&bytes).0, expected);
    }

    /// Sound frames in any order, twice, cut off and with junk between them: what is handed out are frames,
    /// and their numbers rise.
    #[test]
    fn a_heap_of_frames_gives_rising_numbers_and_nothing_else(
        pieces in prop::collection::vec((0..EVENTS, 0usize..400, prop::collection::vec(any::<u8>(), 0..30)), 0..40)
    ) {
        let mut bytes = original().bytes[..segment::HEADER].to_vec();
        let mut whole = Vec::new();
        for (number, cut, junk) in pieces {
            let frame = original().frames[usize::try_from(number).unwrap()].clone();
            // Most are longer than their cut.
            let end = frame.end - if cut < 40 { cut.min(frame.len()) } else { 0 };
            if end == frame.end {
                whole.push(number);
            }
            bytes.extend_from_slice(&original().bytes[frame.start..end]);
            if cut % 3 == 0 {
                bytes.extend(junk);
            }
        }
        let (found, _, kept) = read(&bytes);
        prop_assert!(found.is_sorted_by(|a, b| a < b), "{:?}", found);
        prop_assert!(found.iter().all(|number| whole.contains(number)), "{:?} of {:?}", found, whole);
        prop_assert_eq!(found.is_empty(), whole.is_empty());
        let kept: usize = kept.iter().map(Vec::len).sum();
        prop_assert!(kept <= bytes.len());
    }

    #[test]
    fn junk_never_panics_and_gives_nothing(mut bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
        prop_assert_eq!(read(&bytes).0, Vec::<u64>::new());
        // With a sound header too.
        bytes.splice(0..0, original().bytes[..segment::HEADER].iter().copied());
        prop_assert_eq!(read(&bytes).0, Vec::<u64>::new());
    }
}

/// A payload that holds a whole frame, as a sender might plant it, is not taken for one.
#[test]
fn a_planted_frame_is_not_found() {
    let stream = StreamId(Uuid::from_u128(5));
    let mut planted = Vec::new();
    let at = frame::open(&mut planted);
    planted.extend_from_slice(b"planted by a sender");
    assert!(frame::close(&mut planted, at));
    frame::seal(&mut planted, frame::Checksum::of(stream), 1);
    let mut bytes = original().bytes.clone();
    let frame = original().frames[30].clone();
    let room = frame.end - frame.start - frame::HEADER;
    assert!(room > planted.len(), "the frame has room for the planted one");
    bytes[frame.start + frame::HEADER..][..planted.len()].copy_from_slice(&planted);
    let expected: Vec<u64> = whole().into_iter().filter(|n| *n != 30).collect();
    assert_eq!(read(&bytes).0, expected);
}

/// No number follows the last one, so that a frame with it is none, however sound.
#[test]
fn a_frame_with_the_last_number_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(&original().name);
    std::fs::write(&file, &original().bytes).unwrap();
    let stream = Segment::recognise(&file).unwrap().stream;
    let mut bytes = original().bytes.clone();
    let (head, payload) = bytes[original().frames[30].clone()].split_at_mut(frame::HEADER);
    head[8..].copy_from_slice(&u64::MAX.to_le_bytes());
    let parts: [&[u8]; 4] = [stream.0.as_bytes(), &head[..4], &head[8..], payload];
    let crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
    head[4..8].copy_from_slice(&crc.to_le_bytes());
    let expected: Vec<u64> = whole().into_iter().filter(|n| *n != 30).collect();
    assert_eq!(read(&bytes).0, expected);
}

/// What cannot be kept is not passed over: the reader starts over, and nothing around the damage is lost.
#[test]
fn a_quarantine_that_cannot_be_written_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = original().bytes.clone();
    bytes[original().frames[10].start + frame::HEADER] ^= 1;
    std::fs::write(folder.path().join(&original().name), &bytes).unwrap();
    let quarantine = folder.path().join("quarantine");
    std::fs::write(&quarantine, "a file where the folder should be").unwrap();
    let older = segments(folder.path()).into_iter().map(|s| (s, bytes.len() as u64)).collect();
    let mut reader =
        Reader::new(Arc::new(Mutex::new(Log::new(older, StreamId(Uuid::nil())))), quarantine.clone());
    let first = reader.next_chunk(5, 1 << 20).unwrap().unwrap();
    assert_eq!(first.frames.len(), 5);
    assert_eq!(reader.next_chunk(50, 1 << 20).unwrap().unwrap().frames.len(), 5);
    assert!(reader.next_chunk(50, 1 << 20).is_err());
    std::fs::remove_file(&quarantine).unwrap();
    let mut found = Vec::new();
    while let Some(chunk) = reader.next_chunk(7, 1 << 20).unwrap() {
        found.extend(chunk.frames.iter().map(|(sequence, _)| *sequence));
    }
    let expected: Vec<u64> = whole().into_iter().filter(|n| *n != 10).collect();
    assert_eq!(found, expected, "all of it again: the caller knows what it has");
}

/// A segment that cannot be opened for a while stops the reader for that while only.
#[test]
fn a_segment_that_cannot_be_opened_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (seed, numbers) in [(1, 0..10), (2, 10..20)] {
        let spool = open(folder.path(), seed);
        runtime.block_on(spool.record(activities(numbers))).unwrap();
    }
    let mut all = segments(folder.path());
    all.sort_by_key(|segment| segment.opening);
    let second = all[1].path.clone();
    let log = Log::new(all.into_iter().map(|s| (s, 1)).collect(), StreamId(Uuid::nil()));
    let mut reader = Reader::new(Arc::new(Mutex::new(log)), folder.path().join("quarantine"));
    assert_eq!(reader.next_chunk(50, 1 << 20).unwrap().unwrap().frames.len(), 10);
    let away = second.with_extension("away");
    std::fs::rename(&second, &away).unwrap();
    assert!(reader.next_chunk(50, 1 << 20).is_err());
    assert!(reader.next_chunk(50, 1 << 20).is_err());
    std::fs::rename(&away, &second).unwrap();
    assert_eq!(reader.next_chunk(50, 1 << 20).unwrap().unwrap().frames.len(), 10);
    assert!(reader.next_chunk(50, 1 << 20).unwrap().is_none());
}
