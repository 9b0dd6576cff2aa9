//! The maker of logs tells the truth about them, and they are as odd as promised.

use std::collections::{HashMap, HashSet};

use activity_access_log::sample::{self, Options, Truth};
use activity_access_log::{Entries, Entry, Format, Item, Occurrences, Source};
use activity_domain::id::ActivityId;

fn read(text: Vec<u8>, format: Format, occurrences: &mut Occurrences) -> (Vec<(ActivityId, Entry)>, u64) {
    let source = Source::from_reader("made", std::io::Cursor::new(text)).unwrap();
    let mut entries = Entries::new(source, format);
    let (mut good, mut bad) = (Vec::new(), 0);
    while let Some(item) = entries.next_item(occurrences).unwrap() {
        match item {
            Item::Entry { id, entry, .. } => good.push((id, entry)),
            Item::Reject(_) => bad += 1,
        }
    }
    (good, bad)
}

fn truth_of(entry: &Entry) -> Truth {
    let method = ["GET", "HEAD", "POST", "OPTIONS"].into_iter().find(|m| *m == entry.method.as_str());
    Truth {
        ip: entry.ip.unwrap(),
        at: entry.at,
        method: method.unwrap(),
        path: entry.endpoint.as_str().to_owned(),
        status: entry.status.stored(),
        response_bytes: entry.response_bytes,
        user_agent: entry.user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
        micros: entry.response_time.map(activity_domain::activity::ResponseTime::as_micros),
    }
}

#[test]
fn what_is_read_is_the_truth() {
    for durations in [false, true] {
        let log = sample::log(&Options { lines: 20_000, durations, ..Options::default() });
        let (good, bad) = read(log.text, Format::Auto, &mut Occurrences::new(1_000));
        assert_eq!(bad, log.bad);
        assert!(good.iter().map(|(_, entry)| truth_of(entry)).eq(log.truth), "durations: {durations}");
        let ids: HashSet<_> = good.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), good.len(), "every request has an id of its own");
    }
}

#[test]
fn equal_options_make_equal_logs_and_other_seeds_others() {
    let log = |seed| sample::log(&Options { seed, ..Options::default() });
    assert_eq!(log(1), log(1));
    assert_ne!(log(1).text, log(2).text);
}

#[test]
fn made_logs_have_the_oddities_of_real_ones() {
    let options = Options { lines: 20_000, durations: true, ..Options::default() };
    let log = sample::log(&options);
    let text = String::from_utf8(log.text).unwrap();
    let distinct: HashSet<&str> = text.lines().collect();
    let equal = text.lines().count() - distinct.len();
    assert!((50..200).contains(&equal), "{equal} equal lines");
    assert!((10..60).contains(&log.bad), "{} bad lines", log.bad);
    let truth = &log.truth;
    let late = truth.windows(2).filter(|pair| pair[1].at < pair[0].at).count();
    assert!(late > truth.len() / 5, "{late} lines out of order");
    assert!(
        truth.iter().all(|line| line.at >= options.start && line.at < options.start.plus_seconds(86_400))
    );
    let count = |is: fn(&Truth) -> bool| truth.iter().filter(|line| is(line)).count();
    assert!(count(|line| line.response_bytes.is_none()) > 1_000);
    assert!(count(|line| line.user_agent.is_none()) > 200);
    assert!(count(|line| (400..500).contains(&line.status)) > 300);
    assert!(count(|line| line.status >= 500) > 20);
    assert!(text.contains(r"\xe4") && text.contains(r#"\""#));
    assert!(text.lines().any(|line| line.len() > 800));
    let mut calls = HashMap::<_, u32>::new();
    for line in truth {
        *calls.entry(line.ip).or_default() += 1;
    }
    let busiest = *calls.values().max().unwrap() as usize;
    assert!(calls.len() > 1_000 && busiest > truth.len() / 20, "{} clients, {busiest} calls", calls.len());
}

/// A second run, files that overlap, and files in another order: the same set of ids.
#[test]
fn ids_depend_on_the_lines_alone() {
    let log = sample::log(&Options { lines: 5_000, ..Options::default() });
    let (first, second) = log.text.split_at(log.text.iter().rposition(|b| *b == b'\n').unwrap() / 2);
    let run = |files: &[&[u8]], max_lines| {
        let mut occurrences = Occurrences::new(max_lines);
        let mut ids = HashSet::new();
        for file in files {
            ids.extend(read(file.to_vec(), Format::Combined, &mut occurrences).0.iter().map(|(id, _)| *id));
        }
        ids
    };
    let end = first.iter().rposition(|b| *b == b'\n').unwrap() + 1;
    let (first, second) = (&first[..end], [&first[end..], second].concat());
    let whole = run(&[&log.text], usize::MAX);
    assert_eq!(whole.len(), log.truth.len());
    assert_eq!(run(&[first, &second], 300), whole);
    assert_eq!(run(&[&second, first], 300), whole);
    let twice = run(&[&log.text, &log.text], 300);
    assert_eq!(twice.len(), 2 * whole.len(), "within a run every line is a request of its own");
    assert!(twice.is_superset(&whole));
}
