//! Gives every line its id: a hash of the line and of how many equal lines came before it.
//!
//! Equal lines are separate requests and get separate ids; reading the same logs again gives the same
//! ids again. To that end the lines of the whole run are counted exactly, in bounded memory: equal
//! lines have equal times, so that counts are kept in pages, one per minute of event time, and pages
//! that have not been used for longest move to a temporary file until their minute shows up again.
//! Logs are nearly in order, so that this happens once per page and file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::PathBuf;

use activity_domain::id::ActivityId;
use activity_domain::span::Minute;
use activity_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::ReadError;
use crate::spill::{Counts, LineKey, Spill};

/// Part of every id. A change to how ids are made needs a new one.
const TAG: &[u8] = b"access-log line 1\0";
/// What a page weighs beside its lines, in lines.
const PAGE_WEIGHT: usize = 4;

/// Counts equal lines over all files of a run.
pub struct Occurrences {
    pages: HashMap<Minute, Page>,
    /// The sum of the pages' weights.
    held: usize,
    max_held: usize,
    uses: u64,
    directory: PathBuf,
    spill: Option<Spill>,
}

struct Page {
    counts: Counts,
    last_use: u64,
}

impl Page {
    fn weight(&self) -> usize {
        PAGE_WEIGHT + self.counts.len()
    }
}

impl Occurrences {
    /// Counts with at most this many different lines in memory, at some 50 bytes each, plus those of
    /// one minute: the minute that is being read is always there whole. What is beyond goes to an
    /// anonymous file in the system's temporary directory, at 20 bytes a line.
    pub fn new(max_lines: usize) -> Self {
        Self::spilling_to(max_lines, std::env::temp_dir())
    }

    /// Counts as [`Occurrences::new`] does, with the temporary file in this directory: the system's
    /// may be memory in disguise.
    pub fn spilling_to(max_lines: usize, directory: impl Into<PathBuf>) -> Self {
        Self {
            pages: HashMap::new(),
            held: 0,
            max_held: max_lines,
            uses: 0,
            directory: directory.into(),
            spill: None,
        }
    }

    /// The id of the next line of the run. `at` is the line's own time; `line` is raw, without its
    /// ending.
    pub fn id(&mut self, at: Timestamp, line: &[u8]) -> Result<ActivityId, ReadError> {
        // The id of the first occurrence doubles as the key, which saves most lines a second hash.
        let first = digest(line, 0);
        let before = self.count(at.minute(), LineKey(first));
        let id = match before.map_err(|source| ReadError::Occurrences { source })? {
            0 => first,
            before => digest(line, before),
        };
        Ok(ActivityId(Uuid::from_bytes(id)))
    }

    /// How many lines of this key came before.
    fn count(&mut self, minute: Minute, key: LineKey) -> io::Result<u32> {
        self.uses += 1;
        let page = match self.pages.entry(minute) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(place) => {
                let known = self.spill.as_mut().map(|spill| spill.read(minute)).transpose()?.flatten();
                let page = Page { counts: known.unwrap_or_default(), last_use: 0 };
                self.held += page.weight();
                place.insert(page)
            }
        };
        let weight = page.weight();
        let count = page.counts.entry(key).or_default();
        let before = *count;
        *count += 1;
        page.last_use = self.uses;
        self.held += page.weight() - weight;
        if self.held > self.max_held {
            self.make_room(minute)?;
        }
        Ok(before)
    }

    /// Moves the pages that have not been used for longest to the file, until a quarter is free.
    fn make_room(&mut self, current: Minute) -> io::Result<()> {
        let others = self.pages.iter().filter(|(minute, _)| **minute != current);
        let mut by_age: Vec<_> = others.map(|(minute, page)| (page.last_use, *minute)).collect();
        by_age.sort_unstable();
        for (_, minute) in by_age {
            if self.held <= self.max_held - self.max_held / 4 {
                break;
            }
            self.move_out(minute)?;
        }
        Ok(())
    }

    fn move_out(&mut self, minute: Minute) -> io::Result<()> {
        let Some(page) = self.pages.get(&minute) else { return Ok(()) };
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::new(tempfile::tempfile_in(&self.directory)?)),
        };
        spill.write(minute, &page.counts)?;
        self.held -= page.weight();
        self.pages.remove(&minute);
        Ok(())
    }
}

/// The first half of SHA-256 over tag, occurrence and line, marked as a UUID of version 8.
fn digest(line: &[u8], occurrence: u32) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(TAG);
    hash.update(occurrence.to_be_bytes());
    hash.update(line);
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(half).into_uuid().into_bytes()
}

#[cfg(test)]
mod tests;
