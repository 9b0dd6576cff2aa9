//! A segment: a file of frames, with a name that orders it and a header that says whose it is.
//!
//! The name `<opening>-<stream>-<first>.seg` repeats what the header says, so that a damaged header
//! costs nothing. A segment whose frames the store has all taken, and which is kept for a while, is
//! called `<opening>-<stream>-<first>-<next>-<seconds>.kept`: it says itself where its frames end and
//! when the last of them was committed.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use activity_domain::id::StreamId;
use uuid::Uuid;

/// Bytes before the first frame.
pub const HEADER: usize = 48;

const MAGIC: &[u8; 8] = b"ATSPOOL1";

/// What the name of a kept segment says beside that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptName {
    /// The number after its last frame; 0 if it has none.
    pub next: u64,
    /// When it was kept, which is soon after its last commit: seconds since 1970.
    pub seconds: u64,
}

/// What is known about a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Counts the openings of the folder: older streams are drained first.
    pub opening: u64,
    /// Whose frames it holds.
    pub stream: StreamId,
    /// The sequence number of its first frame.
    pub first: u64,
    /// Frames of the segment before it are void from this number on: they were refused.
    pub void_before: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl Segment {
    /// A segment in a folder.
    pub fn new(folder: &Path, opening: u64, stream: StreamId, first: u64, void_before: u64) -> Self {
        let path = folder.join(name(opening, stream, first) + ".seg");
        Self { opening, stream, first, void_before, path }
    }

    /// Where it lies while it is to be drained.
    pub fn waiting_path(&self) -> PathBuf {
        self.path.with_file_name(name(self.opening, self.stream, self.first) + ".seg")
    }

    /// Where it lies while it is kept.
    pub fn kept_path(&self, kept: KeptName) -> PathBuf {
        let KeptName { next, seconds } = kept;
        let name = name(self.opening, self.stream, self.first);
        self.path.with_file_name(format!("{name}-{next:020}-{seconds}.kept"))
    }

    /// The header's bytes: magic, stream, first, `void_before`, checksum, padding.
    pub fn header(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(self.stream.0.as_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.void_before.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Recognises a segment that is to be drained by its name and, where it is sound, its header. `None`
    /// for other files, kept segments among them.
    pub fn recognise(path: &Path) -> Option<Self> {
        let mut parts = path.file_name()?.to_str()?.strip_suffix(".seg")?.split('-');
        let segment = Self::of(path, &mut parts)?;
        parts.next().is_none().then_some(segment)
    }

    /// The same for kept segments.
    pub fn recognise_kept(path: &Path) -> Option<(Self, KeptName)> {
        let mut parts = path.file_name()?.to_str()?.strip_suffix(".kept")?.split('-');
        let segment = Self::of(path, &mut parts)?;
        let kept = KeptName { next: parts.next()?.parse().ok()?, seconds: parts.next()?.parse().ok()? };
        parts.next().is_none().then_some((segment, kept))
    }

    fn of<'a>(path: &Path, parts: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let opening = parts.next()?.parse().ok()?;
        let stream = StreamId(Uuid::try_parse(parts.next()?).ok()?);
        let first = parts.next()?.parse().ok()?;
        let void_before = read_void_before(path).unwrap_or(first);
        Some(Self { opening, stream, first, void_before, path: path.into() })
    }

    /// What tells segments apart, in the order in which they are drained.
    pub(crate) fn order(&self) -> (u64, StreamId, u64) {
        (self.opening, self.stream, self.first)
    }
}

fn name(opening: u64, stream: StreamId, first: u64) -> String {
    format!("{opening:08}-{stream}-{first:020}")
}

fn read_void_before(path: &Path) -> Option<u64> {
    let mut bytes = [0; HEADER];
    File::open(path).ok()?.read_exact_at(&mut bytes, 0).ok()?;
    let crc = u32::from_le_bytes([bytes[40], bytes[41], bytes[42], bytes[43]]);
    let sound = &bytes[..8] == MAGIC && crc == crc32c::crc32c(&bytes[..40]);
    let (_, value) = bytes[..40].split_last_chunk::<8>()?;
    sound.then(|| u64::from_le_bytes(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_recognised_with_and_without_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let segment = Segment::new(folder.path(), 3, StreamId(Uuid::from_u128(7)), 40, 35);
        std::fs::write(&segment.path, segment.header()).unwrap();
        assert_eq!(Segment::recognise(&segment.path), Some(segment.clone()));
        let mut damaged = segment.header();
        damaged[33] ^= 1;
        std::fs::write(&segment.path, damaged).unwrap();
        assert_eq!(Segment::recognise(&segment.path).unwrap().void_before, 40);
        assert_eq!(Segment::recognise(&folder.path().join("lock")), None);
    }
    #[test]
    fn a_kept_segment_has_another_name_and_finds_back_to_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let segment = Segment::new(folder.path(), 3, StreamId(Uuid::from_u128(7)), 40, 35);
        let kept = KeptName { next: 50, seconds: 1_800_000_000 };
        let path = segment.kept_path(kept);
        std::fs::write(&path, segment.header()).unwrap();
        assert_eq!(Segment::recognise(&path), None, "it is not to be drained");
        let (found, said) = Segment::recognise_kept(&path).unwrap();
        assert_eq!((said, found.order(), found.void_before), (kept, segment.order(), 35));
        assert_eq!(found.waiting_path(), segment.path);
        assert_eq!(Segment::recognise_kept(&segment.path), None);
    }
}
