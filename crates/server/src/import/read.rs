//! Reads and parses on a thread of its own, a few batches ahead of storing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use activity_access_log::{Entries, Entry, Format, Item, Occurrences, Progress, ReadError, Source};
use activity_domain::error::Invalid;
use activity_domain::id::ActivityId;
use bytes::Bytes;
use tokio::sync::mpsc;

/// Lines per batch: one transaction, or one request.
const BATCH: usize = 5_000;
/// Batches that may wait. Together with [`BATCH`] this bounds the memory that lines take.
const AHEAD: usize = 2;
/// Lines whose occurrences are counted in memory; the rest goes to a temporary file.
const OCCURRENCES_IN_MEMORY: usize = 2_000_000;

/// Where something stands, for messages.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a file.
    Line {
        /// The file.
        file: Arc<str>,
        /// The line's number, from 1.
        line: u64,
    },
    /// In a table.
    Row {
        /// The table.
        table: &'static str,
        /// What the row is known by there.
        id: Box<str>,
    },
}

/// `file:line`, or `table:id`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            // What would break the line is escaped, as in Rust.
            Self::Row { table, id } => write!(f, "{table}:{}", id.escape_debug()),
        }
    }
}

/// A line that was read.
pub struct Line {
    pub place: Place,
    pub raw: Bytes,
    pub id: ActivityId,
    pub entry: Entry,
}

/// A line that could not be read.
pub struct Reject {
    pub place: Place,
    pub raw: Bytes,
    pub reason: Invalid,
}

/// Lines in a row.
#[derive(Default)]
pub struct Batch {
    pub lines: Vec<Line>,
    pub rejects: Vec<Reject>,
}

impl Batch {
    fn len(&self) -> usize {
        self.lines.len() + self.rejects.len()
    }
}

/// How far reading has come over all files.
pub struct Overall {
    parts: Vec<Progress>,
    /// Bytes of all files, if known.
    pub total: Option<u64>,
}

impl Overall {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.parts.iter().map(Progress::bytes_read).sum()
    }
}

type Batches = mpsc::Receiver<Result<Batch, ReadError>>;

/// Opens all files, so that a wrong name is found before anything is stored, and starts reading.
pub fn reading(
    files: &[PathBuf],
    format: Format,
    spill_to: PathBuf,
) -> Result<(Batches, Overall), ReadError> {
    let sources = files.iter().map(|file| Source::open(file)).collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<Progress> = sources.iter().map(Source::progress).collect();
    let total = parts.iter().map(Progress::bytes_total).sum();
    let (sender, batches) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read(sources, format, &spill_to, &sender) {
            // The receiver is gone only when the import has failed already.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Ok((batches, Overall { parts, total }))
}

fn read(
    sources: Vec<Source>,
    format: Format,
    spill_to: &Path,
    sender: &mpsc::Sender<Result<Batch, ReadError>>,
) -> Result<(), ReadError> {
    let mut occurrences = Occurrences::spilling_to(OCCURRENCES_IN_MEMORY, spill_to);
    let mut batch = Batch::default();
    for source in sources {
        let file: Arc<str> = source.name().into();
        let mut entries = Entries::new(source, format);
        while let Some(item) = entries.next_item(&mut occurrences)? {
            let place = |line| Place::Line { file: file.clone(), line };
            match item {
                Item::Entry { line, raw, id, entry } => {
                    batch.lines.push(Line {
                        place: place(line),
                        raw: Bytes::copy_from_slice(raw),
                        id,
                        entry,
                    });
                }
                Item::Reject(reject) => batch.rejects.push(Reject {
                    place: place(reject.line),
                    raw: Bytes::copy_from_slice(reject.raw),
                    reason: reject.reason,
                }),
            }
            if batch.len() >= BATCH && sender.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return Ok(());
            }
        }
    }
    let _ = sender.blocking_send(Ok(batch));
    Ok(())
}
