//! Cuts bytes into lines of bounded length.

use std::io::{self, BufRead, Read};

/// A longer line, its ending not counted, is not handed out whole: 64 KiB.
pub const MAX_LINE_BYTES: usize = 64 * 1_024;

/// A line without its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1; empty lines count too.
    pub number: u64,
    /// The line, or the first [`MAX_LINE_BYTES`] of it if it is `cut`.
    pub bytes: &'a [u8],
    /// Whether the line was longer.
    pub cut: bool,
}

/// The lines of a reader that are not empty. They end with `\n` or `\r\n`; the last may lack its ending.
/// However long a line is, no more than [`MAX_LINE_BYTES`] of it are in memory.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of this reader.
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// How many lines have been read.
    pub fn count(&self) -> u64 {
        self.number
    }

    /// The next line that is not empty; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.buffer.clear();
            // Two more than a line, for its ending.
            let bound = MAX_LINE_BYTES as u64 + 2;
            let read = (&mut self.reader).take(bound).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            let ended = self.buffer.ends_with(b"\n");
            if !ended && read as u64 == bound {
                self.reader.skip_until(b'\n')?;
            }
            self.number += 1;
            let length = without_ending(&self.buffer).len();
            if length > 0 {
                let bytes = &self.buffer[..length.min(MAX_LINE_BYTES)];
                return Ok(Some(Line { number: self.number, bytes, cut: length > MAX_LINE_BYTES }));
            }
        }
    }
}

fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
