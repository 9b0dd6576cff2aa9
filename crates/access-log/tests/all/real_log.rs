//! A real log of 10,000 lines, counted by other means before. The log is not part of the repository.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use activity_access_log::{Entries, Entry, Format, Item, Occurrences, Source};

fn place() -> PathBuf {
    std::env::var_os("ACCESS_LOG_SAMPLE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/apache_logs.gz"),
        PathBuf::from,
    )
}

fn counts<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

fn top<K: Ord>(counts: BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let mut top: Vec<_> = counts.into_iter().collect();
    top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    top.truncate(5);
    top
}

#[test]
fn the_real_log_has_the_known_numbers() {
    let place = place();
    if !place.exists() {
        println!("SKIPPED: there is no {}; name the log in ACCESS_LOG_SAMPLE", place.display());
        return;
    }
    let source = Source::open(&place).unwrap();
    let progress = source.progress();
    let mut entries = Entries::new(source, Format::Auto);
    let mut occurrences = Occurrences::new(500);
    let (mut good, mut ids, mut rejects) = (Vec::<Entry>::new(), HashSet::new(), Vec::new());
    while let Some(item) = entries.next_item(&mut occurrences).unwrap() {
        match item {
            Item::Entry { id, entry, .. } => {
                ids.insert(id);
                good.push(entry);
            }
            Item::Reject(reject) => rejects.push((reject.line, reject.reason.0)),
        }
    }
    assert_eq!(entries.format(), Format::Combined);
    assert_eq!(Some(progress.bytes_read()), progress.bytes_total());
    assert_eq!(rejects, [(8_899, "has a user agent without a closing quote".to_owned())]);
    assert_eq!((good.len(), ids.len()), (9_999, 9_999));

    let days = counts(good.iter().map(|entry| entry.at.to_string()[..10].to_owned()));
    let expected = [("17", 1_632), ("18", 2_893), ("19", 2_896), ("20", 2_578)];
    assert_eq!(days, expected.map(|(day, count)| (format!("2015-05-{day}"), count)).into());
    let first_and_last = |at: Option<_>| at.map(|at: activity_domain::time::Timestamp| at.to_string());
    assert_eq!(first_and_last(good.iter().map(|e| e.at).min()).unwrap(), "2015-05-17T10:05:00Z");
    assert_eq!(first_and_last(good.iter().map(|e| e.at).max()).unwrap(), "2015-05-20T21:05:59Z");

    let methods = counts(good.iter().map(|entry| entry.method.as_str()));
    assert_eq!(methods, [("GET", 9_951), ("HEAD", 42), ("OPTIONS", 1), ("POST", 5)].into());
    let classes = counts(good.iter().map(|entry| entry.status.stored() / 100));
    assert_eq!(classes, [(2, 9_170), (3, 609), (4, 217), (5, 3)].into());
    assert_eq!(good.iter().filter(|entry| entry.status.is_error()).count(), 220);
    assert_eq!(good.iter().filter_map(|entry| entry.response_bytes).sum::<u64>(), 2_747_282_505);

    let clients = counts(good.iter().map(|entry| entry.ip.unwrap().to_string()));
    assert_eq!(clients.len(), 1_753);
    let expected: HashMap<_, _> = [
        ("66.249.73.135", 482),
        ("46.105.14.53", 364),
        ("130.237.218.86", 357),
        ("75.97.9.59", 273),
        ("50.16.19.13", 113),
    ]
    .map(|(ip, count)| (ip.to_owned(), count))
    .into();
    assert_eq!(top(clients).into_iter().collect::<HashMap<_, _>>(), expected);

    let paths = counts(good.iter().map(|entry| entry.endpoint.as_str()));
    assert_eq!(paths.len(), 1_368);
    let expected = [
        ("/favicon.ico", 807),
        ("/", 575),
        ("/style2.css", 546),
        ("/reset.css", 538),
        ("/images/jordan-80.png", 533),
    ];
    assert_eq!(top(paths), expected);
}
