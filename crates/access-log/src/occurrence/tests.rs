//! Counting in little memory is the same as counting in a plain map.

use super::*;
use proptest::prelude::*;

fn key(line: u8) -> LineKey {
    LineKey(digest(&[line], 0))
}

/// What a run looks like: files that each run through the minutes, not quite in order.
fn runs() -> impl Strategy<Value = Vec<(i64, u8)>> {
    let file = prop::collection::vec((0i64..12, -2i64..3, 0u8..6), 0..120).prop_map(|mut lines| {
        lines.sort_by_key(|(minute, ..)| *minute);
        lines.into_iter().map(|(minute, jitter, line)| (minute + jitter, line)).collect::<Vec<_>>()
    });
    prop::collection::vec(file, 1..4).prop_map(|files| files.concat())
}

proptest! {
    #[test]
    fn counts_are_those_of_a_plain_map(run in runs(), max_lines in 0usize..40) {
        let mut counted = Occurrences::new(max_lines);
        let mut plain = HashMap::new();
        let mut busiest = HashMap::<i64, usize>::new();
        for (minute, line) in run {
            let expected = plain.entry((minute, line)).or_insert(0u32);
            *busiest.entry(minute).or_default() += usize::from(*expected == 0);
            prop_assert_eq!(counted.count(Minute(minute), key(line)).unwrap(), *expected);
            *expected += 1;
            let held: usize = counted.pages.values().map(Page::weight).sum();
            prop_assert_eq!(held, counted.held);
            prop_assert!(held <= max_lines.max(busiest[&minute] + PAGE_WEIGHT), "{} lines held", held);
        }
    }
}

#[test]
fn pages_come_back_from_the_file_with_their_counts() {
    let mut counted = Occurrences::new(2 * (PAGE_WEIGHT + 1));
    for round in 0..3 {
        for minute in 0..20 {
            assert_eq!(counted.count(Minute(minute), key(7)).unwrap(), round);
        }
    }
    assert!(counted.spill.is_some() && counted.pages.len() <= 2);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let mut counted = Occurrences::spilling_to(1, "/dev/null/nowhere");
    let at = |minute| Timestamp::from(Minute(minute));
    counted.id(at(1), b"a").unwrap();
    let error = counted.id(at(2), b"b").unwrap_err();
    assert!(error.to_string().starts_with("equal lines cannot be counted"), "{error}");
}

/// Ids that are stored somewhere already must never change.
#[test]
fn ids_are_those_of_the_first_version() {
    let mut counted = Occurrences::new(10);
    let at = Timestamp::from(Minute(0));
    let ids: Vec<_> = (0..3).map(|_| counted.id(at, b"a line").unwrap().0).collect();
    assert_eq!(
        ids.iter().map(Uuid::to_string).collect::<Vec<_>>(),
        [
            "b94a3a48-cbad-8f81-ae31-b991c0991f18",
            "1f5949a9-c540-8e79-b28b-246616c98a0e",
            "890371ed-c5ce-847d-b2bf-70b6ec2864c1"
        ]
    );
    assert!(ids.iter().all(|id| id.get_version_num() == 8));
}
