//! Lines of any length out of reads of any size.

use std::io::{BufReader, Read};

use activity_access_log::{Lines, MAX_LINE_BYTES};
use proptest::prelude::*;

/// Gives its bytes in pieces of these sizes, over and over.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().unwrap_or(1).min(buffer.len()).min(self.rest.len());
        let (piece, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.rest = rest;
        Ok(size)
    }
}

fn read(bytes: &[u8], sizes: Vec<usize>, capacity: usize) -> Vec<(u64, Vec<u8>, bool)> {
    let pieces = Pieces { rest: bytes, sizes: sizes.into_iter().cycle() };
    let mut lines = Lines::new(BufReader::with_capacity(capacity, pieces));
    let mut all = Vec::new();
    while let Some(line) = lines.next_line().unwrap() {
        all.push((line.number, line.bytes.to_vec(), line.cut));
    }
    all
}

fn numbers_and_texts(bytes: &[u8]) -> Vec<(u64, String)> {
    let all = read(bytes, vec![3], 16);
    all.into_iter().map(|(number, text, _)| (number, String::from_utf8(text).unwrap())).collect()
}

#[test]
fn endings_of_all_kinds_are_taken_and_empty_lines_passed_over() {
    let expected = [(1, "a"), (3, "b"), (5, "c\rd"), (6, "e")].map(|(n, text)| (n, text.to_owned()));
    assert_eq!(numbers_and_texts(b"a\n\nb\r\n\r\nc\rd\ne"), expected);
    assert_eq!(numbers_and_texts(b""), []);
    assert_eq!(numbers_and_texts(b"\n\r\n"), []);
}

#[test]
fn a_line_of_the_largest_length_is_whole_and_a_longer_one_cut() {
    for ending in ["\n", "\r\n", ""] {
        for (length, cut) in [(MAX_LINE_BYTES, false), (MAX_LINE_BYTES + 1, true), (5 * MAX_LINE_BYTES, true)]
        {
            let after = if ending.is_empty() { "" } else { "next" };
            let all = read(format!("{}{ending}{after}", "x".repeat(length)).as_bytes(), vec![4_096], 4_096);
            assert_eq!((all[0].1.len(), all[0].2), (MAX_LINE_BYTES, cut), "{length} {ending:?}");
            assert_eq!(all.get(1), (!after.is_empty()).then(|| (2, b"next".to_vec(), false)).as_ref());
        }
    }
}

proptest! {
    /// However the bytes arrive, the lines are those that a split finds.
    #[test]
    fn lines_do_not_depend_on_how_the_bytes_arrive(
        bytes in "([ab\r\n]{0,40}\n?){0,8}",
        sizes in prop::collection::vec(1usize..20, 1..5),
        capacity in 1usize..30,
    ) {
        let expected: Vec<_> = (1u64..)
            .zip(bytes.split('\n'))
            .map(|(number, line)| (number, line.strip_suffix('\r').unwrap_or(line).as_bytes().to_vec(), false))
            .filter(|(_, line, _)| !line.is_empty())
            .collect();
        prop_assert_eq!(read(bytes.as_bytes(), sizes, capacity), expected);
    }
}
