//! Keeps counts of equal lines in a temporary file, a page per minute.
//!
//! The file is anonymous: it has no name and goes with the process. A page that is written again is
//! appended; the index knows the last one. Where pages lie is kept in memory, 24 bytes a minute.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};

use activity_domain::span::Minute;

/// Stands for a line: a cryptographic hash, so that equal keys mean equal lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineKey(pub [u8; 16]);

/// How often each line of a minute came.
pub(crate) type Counts = HashMap<LineKey, u32, BuildHasherDefault<Taken>>;

const ENTRY_BYTES: usize = 20;

pub(crate) struct Spill {
    file: File,
    end: u64,
    /// Offset in bytes and number of entries of every minute's last page.
    index: HashMap<Minute, (u64, usize)>,
    buffer: Vec<u8>,
}

impl Spill {
    pub(crate) fn new(file: File) -> Self {
        Self { file, end: 0, index: HashMap::new(), buffer: Vec::new() }
    }

    pub(crate) fn write(&mut self, minute: Minute, counts: &Counts) -> io::Result<()> {
        self.buffer.clear();
        for (key, count) in counts {
            self.buffer.extend_from_slice(&key.0);
            self.buffer.extend_from_slice(&count.to_le_bytes());
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&self.buffer)?;
        self.index.insert(minute, (self.end, counts.len()));
        self.end += self.buffer.len() as u64;
        Ok(())
    }

    pub(crate) fn read(&mut self, minute: Minute) -> io::Result<Option<Counts>> {
        let Some((offset, entries)) = self.index.get(&minute).copied() else { return Ok(None) };
        self.buffer.resize(entries * ENTRY_BYTES, 0);
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(&mut self.buffer)?;
        let (entries, _) = self.buffer.as_chunks::<ENTRY_BYTES>();
        Ok(Some(entries.iter().map(entry).collect()))
    }
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> (LineKey, u32) {
    let [key @ .., c0, c1, c2, c3] = *bytes;
    (LineKey(key), u32::from_le_bytes([c0, c1, c2, c3]))
}

impl Hash for LineKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bits = u128::from_ne_bytes(self.0);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        state.write_u64((bits >> 64) as u64 ^ bits as u64);
    }
}

/// Takes the key's own bits for its hash: they are random already.
#[derive(Default)]
pub(crate) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not reached by `LineKey`; correct for anything else.
        self.0 = bytes.iter().fold(self.0, |sum, b| sum.rotate_left(8) ^ u64::from(*b));
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}
