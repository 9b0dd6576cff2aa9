//! Files: plain, gzip, several members, damaged, missing.

use std::io::Write;
use std::path::Path;

use activity_access_log::sample::{self, Options};
use activity_access_log::{Entries, Format, Item, Occurrences, Progress, ReadError, Source};
use flate2::Compression;
use flate2::write::GzEncoder;

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn made(lines: u64) -> Vec<u8> {
    sample::log(&Options { lines, ..Options::default() }).text
}

/// The number of lines that were read, and how it ended.
fn read(source: Source) -> (u64, Result<(), ReadError>) {
    let mut entries = Entries::new(source, Format::Combined);
    let mut occurrences = Occurrences::new(100_000);
    let mut lines = 0;
    loop {
        match entries.next_item(&mut occurrences) {
            Ok(Some(Item::Entry { .. } | Item::Reject(_))) => lines += 1,
            Ok(None) => return (lines, Ok(())),
            Err(error) => {
                assert!(entries.next_item(&mut occurrences).unwrap().is_none(), "an error is the end");
                return (lines, Err(error));
            }
        }
    }
}

fn read_file(bytes: &[u8]) -> (u64, Progress, Result<(), ReadError>) {
    let mut file = tempfile::Builder::new().prefix("a-log").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let source = Source::open(file.path()).unwrap();
    let progress = source.progress();
    let (lines, end) = read(source);
    (lines, progress, end)
}

#[test]
fn plain_and_gzip_files_are_told_apart_by_their_first_bytes() {
    let log = made(3_000);
    let two_members = [zip(&log[..1_000]), zip(&log[1_000..])].concat();
    for file in [log.clone(), zip(&log), two_members] {
        let (lines, progress, end) = read_file(&file);
        assert!(end.is_ok());
        assert_eq!(lines, 3_000);
        assert_eq!(
            (progress.bytes_read(), progress.bytes_total()),
            (file.len() as u64, Some(file.len() as u64))
        );
    }
}

#[test]
fn small_files_are_files() {
    for (bytes, expected) in [(&b""[..], 0), (b"\n", 0), (b"x", 1), (b"\x1f\x8b", 1)] {
        let (lines, _, end) = read_file(bytes);
        assert!(end.is_ok());
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_gzip_file_that_breaks_off_gives_its_lines_and_then_an_error_with_its_name() {
    let log = made(3_000);
    let whole = zip(&log);
    let (lines, _, end) = read_file(&whole[..whole.len() - 10]);
    assert!((2_900..=3_000).contains(&lines), "{lines} lines");
    let message = end.unwrap_err().to_string();
    assert!(message.contains("a-log") && message.contains("cannot be read beyond line"), "{message}");
}

#[test]
fn a_gzip_file_with_a_wrong_checksum_gives_its_lines_and_then_an_error() {
    let mut file = zip(&made(3_000));
    let checksum = file.len() - 8;
    file[checksum] ^= 1;
    let (lines, _, end) = read_file(&file);
    assert_eq!(lines, 3_000);
    assert!(matches!(end, Err(ReadError::Read { line: 3_000, .. })), "{end:?}");
}

#[test]
fn a_gzip_file_with_a_damaged_middle_ends_in_an_error() {
    let log = made(20_000);
    let mut file = zip(&log);
    let middle = file.len() / 2;
    file[middle..middle + 64].fill(0xff);
    let (lines, _, end) = read_file(&file);
    assert!(end.is_err() && (5_000..20_000).contains(&lines), "{lines} lines");
}

#[test]
fn what_cannot_be_opened_is_named() {
    for path in ["/nowhere/at.log", "/"] {
        let error = Source::open(Path::new(path)).err().unwrap();
        assert!(error.to_string().starts_with(&format!("{path} cannot be opened: ")), "{error}");
    }
}

#[test]
fn a_line_that_is_too_long_is_rejected_and_the_next_one_read() {
    let log = [vec![b'x'; 1_000_000], b"\n".to_vec(), made(1)].concat();
    let mut entries =
        Entries::new(Source::from_reader("long", std::io::Cursor::new(log)).unwrap(), Format::Auto);
    let mut occurrences = Occurrences::new(10);
    match entries.next_item(&mut occurrences).unwrap() {
        Some(Item::Reject(reject)) => {
            assert_eq!((reject.line, reject.raw.len()), (1, 65_536));
            assert_eq!(reject.reason.0, "is longer than 65536 bytes");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(entries.next_item(&mut occurrences).unwrap(), Some(Item::Entry { line: 2, .. })));
    assert!(entries.next_item(&mut occurrences).unwrap().is_none());
}
