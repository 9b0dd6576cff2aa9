//! Reads a log from its bytes to entries with ids.

use std::io::BufRead;

use activity_domain::error::Invalid;
use activity_domain::id::ActivityId;

use crate::entry::Entry;
use crate::error::ReadError;
use crate::format::Format;
use crate::lines::{Lines, MAX_LINE_BYTES};
use crate::occurrence::Occurrences;
use crate::parser::Parser;
use crate::source::Source;

/// What became of a line.
#[derive(Debug)]
pub enum Item<'a> {
    /// It was read.
    Entry {
        /// The line's number, from 1.
        line: u64,
        /// The line without its ending.
        raw: &'a [u8],
        /// The same in every run over the same logs, and another for every line.
        id: ActivityId,
        /// What it says.
        entry: Entry,
    },
    /// It cannot be read.
    Reject(Reject<'a>),
}

/// A line that cannot be read.
#[derive(Debug)]
pub struct Reject<'a> {
    /// The line's number, from 1.
    pub line: u64,
    /// The line without its ending, at most the first [`MAX_LINE_BYTES`] of it.
    pub raw: &'a [u8],
    /// Finishes the sentence "this line ...".
    pub reason: Invalid,
}

/// The entries of one log.
pub struct Entries {
    name: String,
    lines: Lines<Box<dyn BufRead + Send>>,
    parser: Parser,
    failed: bool,
}

impl Entries {
    /// The entries of this log, in this format.
    pub fn new(source: Source, format: Format) -> Self {
        let (name, reader) = source.into_parts();
        Self { name, lines: Lines::new(reader), parser: Parser::new(format), failed: false }
    }

    /// The format; with [`Format::Auto`], what was found, once a line could be read.
    pub fn format(&self) -> Format {
        self.parser.format()
    }

    /// What became of the next line; `None` at the end, and after an error. Empty lines are passed
    /// over. `occurrences` is one and the same for all logs of a run.
    pub fn next_item(&mut self, occurrences: &mut Occurrences) -> Result<Option<Item<'_>>, ReadError> {
        if self.failed {
            return Ok(None);
        }
        let read_so_far = self.lines.count();
        let line = match self.lines.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(source) => {
                self.failed = true;
                return Err(ReadError::Read { name: self.name.clone(), line: read_so_far, source });
            }
        };
        let parsed = if line.cut { Err(too_long()) } else { self.parser.parse(line.bytes) };
        let (number, raw) = (line.number, line.bytes);
        match parsed {
            Err(reason) => Ok(Some(Item::Reject(Reject { line: number, raw, reason }))),
            Ok(entry) => {
                let id = occurrences.id(entry.at, raw).inspect_err(|_| self.failed = true)?;
                Ok(Some(Item::Entry { line: number, raw, id, entry }))
            }
        }
    }
}

fn too_long() -> Invalid {
    Invalid::new(format!("is longer than {MAX_LINE_BYTES} bytes"))
}
