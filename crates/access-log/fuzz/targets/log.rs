//! A whole log, plain or gzip: never a panic, every line is an entry or a reject, and ids are the same in
//! every run, however little memory there is to count equal lines in.

#![no_main]

use std::collections::HashSet;

use activity_access_log::{Entries, Format, Item, MAX_LINE_BYTES, Occurrences, Source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|log: &[u8]| {
    let run = read(log, 1_000_000);
    assert_eq!(read(log, 1_000_000), run, "the same ids in a second run");
    assert_eq!(read(log, 2), run, "the same ids with next to no memory");
    let ids: HashSet<_> = run.iter().filter_map(|(_, id)| *id).collect();
    let entries = run.iter().filter(|(_, id)| id.is_some()).count();
    assert_eq!(ids.len(), entries, "no id is given twice");
    assert!(run.is_sorted_by(|(a, _), (b, _)| a < b), "every line once, in order");
});

/// Each line's number, and the id of its entry.
fn read(log: &[u8], lines_in_memory: usize) -> Vec<(u64, Option<[u8; 16]>)> {
    let source = Source::from_reader("fuzz", std::io::Cursor::new(log.to_vec()));
    let mut entries = Entries::new(source.expect("bytes in memory can be read"), Format::Auto);
    let mut occurrences = Occurrences::new(lines_in_memory);
    let mut found = Vec::new();
    // A damaged archive ends it.
    while let Ok(Some(item)) = entries.next_item(&mut occurrences) {
        match item {
            Item::Entry { line, id, raw, .. } => {
                assert!(raw.len() <= MAX_LINE_BYTES);
                found.push((line, Some(*id.0.as_bytes())));
            }
            Item::Reject(reject) => {
                assert!(reject.raw.len() <= MAX_LINE_BYTES && !reject.reason.0.is_empty());
                found.push((reject.line, None));
            }
        }
    }
    found
}
