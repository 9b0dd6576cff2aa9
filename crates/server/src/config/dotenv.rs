//! Reads a `.env` file without touching the process environment.

use std::cell::Cell;
use std::io::{self, Read};

/// A line of the file that is none of its kind. What stands there may be a secret and is left out.
#[derive(Debug, PartialEq, Eq)]
pub struct BrokenLine(pub usize);

/// The pairs of the file in order, and where it is broken.
pub fn read(text: &str) -> (Vec<(String, String)>, Vec<BrokenLine>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Without its last newline, a line that ends in a blank would count as unfinished.
    let text = format!("{text}\n");
    let lines = Cell::new(0);
    let mut pairs = Vec::new();
    let mut broken = Vec::new();
    for item in dotenvy::from_read_iter(LineByLine { rest: text.as_bytes(), lines: &lines }) {
        match item {
            Ok(pair) => pairs.push(pair),
            Err(dotenvy::Error::LineParse(line, _)) => {
                // A quoted value may go over several lines; name the first of them.
                let further = line.trim_end().lines().count().saturating_sub(1);
                broken.push(BrokenLine(lines.get().saturating_sub(further)));
            }
            // Memory cannot fail to be read. Whatever it was, it would come again.
            Err(_) => {
                broken.push(BrokenLine(lines.get()));
                break;
            }
        }
    }
    (pairs, broken)
}

/// Hands out one line a call, so that the number of lines handed out is the place of an error: the
/// parser behind it does not count.
struct LineByLine<'a> {
    rest: &'a [u8],
    lines: &'a Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|b| *b == b'\n').map_or(self.rest.len(), |end| end + 1);
        let length = line.min(buffer.len());
        let (now, later) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = later;
        self.lines.set(self.lines.get() + usize::from(now.ends_with(b"\n")));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let (pairs, broken) = read(text);
        assert_eq!(broken, []);
        pairs
    }

    #[test]
    fn the_usual_notations_are_read() {
        let text = "\u{feff}# note\nA=1\n\nexport B='two words' # why\r\nC=\"x\ny\"\nD=\nE=e ";
        let expected = [("A", "1"), ("B", "two words"), ("C", "x\ny"), ("D", ""), ("E", "e")];
        assert_eq!(pairs(text), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn every_broken_line_is_named_by_its_number() {
        let (pairs, broken) = read("A=1\n\n# note\nnot a pair\nB=2\n=3\nC='one\ntwo' x y\nD=\"open\nE=4");
        assert_eq!(pairs.len(), 2);
        assert_eq!(broken, [4, 6, 7, 9].map(BrokenLine));
    }

    #[test]
    fn long_lines_count_once() {
        let (_, broken) = read(&format!("A={}\n???", "x".repeat(30_000)));
        assert_eq!(broken, [BrokenLine(2)]);
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in "(\\PC|[\n\r'\"\\\\$#= A]){0,60}") {
            let (_, broken) = read(&text);
            prop_assert!(broken.iter().all(|line| (1..=text.matches('\n').count() + 2).contains(&line.0)));
        }
    }
}
