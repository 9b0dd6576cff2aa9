//! A reporter before a tracker that does what it likes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod tracker;

use std::time::{Duration, Instant};

use activity_client::{Client, Event, Options, Reporter, Totals};
use tracker::{Mood, Tracker};

/// Far more than anything here needs.
const LONG: Duration = Duration::from_mins(1);

fn options() -> Options {
    Options { batch: 10, interval: Duration::from_millis(20), grace: LONG, ..Options::default() }
}

fn start(tracker: &Tracker, options: Options) -> Reporter {
    Reporter::start(Client::new(&tracker.url, "a-key").unwrap(), options).unwrap()
}

fn report(reporter: &Reporter, events: usize) -> usize {
    (0..events).filter(|n| reporter.report(Event::new("GET", format!("/things/{n}"), 200))).count()
}

#[tokio::test]
async fn everything_arrives_once() {
    let tracker = Tracker::start(Mood::Takes);
    let reporter = start(&tracker, options());
    assert_eq!(report(&reporter, 95), 95);
    reporter.flush().await;
    assert_eq!((tracker.ids().len(), tracker.sent()), (95, 95));
    assert!(tracker.largest() <= 10);
    report(&reporter, 5);
    let totals = reporter.shut_down().await;
    assert_eq!(totals, Totals { reported: 100, delivered: 100, ..Totals::default() });
    assert_eq!(tracker.ids().len(), 100);
}

#[tokio::test]
async fn what_was_not_answered_is_sent_again_under_the_same_ids() {
    for mood in [Mood::Unavailable, Mood::Unauthorized, Mood::OverLimit, Mood::LosesAnswers] {
        let tracker = Tracker::start(mood);
        let reporter = start(&tracker, options());
        report(&reporter, 30);
        tracker.refused(3).await;
        tracker.change(Mood::Takes);
        let totals = reporter.shut_down().await;
        assert_eq!(totals, Totals { reported: 30, delivered: 30, ..Totals::default() }, "{mood:?}");
        assert_eq!(tracker.ids().len(), 30, "{mood:?}");
    }
}

#[tokio::test]
async fn what_is_not_taken_is_counted_and_not_repeated() {
    let tracker = Tracker::start(Mood::RejectsOne);
    let reporter = start(&tracker, options());
    report(&reporter, 10);
    reporter.flush().await;
    tracker.change(Mood::Refuses);
    report(&reporter, 10);
    let totals = reporter.shut_down().await;
    let expected = Totals { reported: 20, delivered: 9, rejected: 11, ..Totals::default() };
    assert_eq!(totals, expected);
    assert_eq!(tracker.sent(), 20);
}

#[tokio::test]
async fn what_is_too_large_is_sent_in_parts() {
    let tracker = Tracker::start(Mood::AtMost(3));
    let reporter = start(&tracker, options());
    report(&reporter, 40);
    let totals = reporter.shut_down().await;
    assert_eq!(totals, Totals { reported: 40, delivered: 40, ..Totals::default() });
    assert_eq!(tracker.ids().len(), 40);
}

/// While the tracker is away nobody waits, and no more is kept than was said.
#[tokio::test]
async fn without_a_tracker_reporting_takes_no_time_and_bounded_memory() {
    for mood in [Mood::Silent, Mood::Unavailable] {
        let tracker = Tracker::start(mood);
        let options = Options { capacity: 100, grace: Duration::from_millis(300), ..options() };
        let reporter = start(&tracker, options);
        let mut slowest = Duration::ZERO;
        for n in 0..20_000 {
            let begun = Instant::now();
            reporter.report(Event::new("GET", format!("/{n}"), 200));
            slowest = slowest.max(begun.elapsed());
        }
        // A second is the machine's; the tracker would take ten.
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        let totals = reporter.shut_down().await;
        assert!(totals.dropped > 19_000, "{totals:?}");
    }
}

#[tokio::test]
async fn what_is_left_at_the_end_is_counted() {
    let tracker = Tracker::start(Mood::Silent);
    let options = Options { capacity: 100, grace: Duration::from_millis(300), ..options() };
    let reporter = start(&tracker, options);
    report(&reporter, 1_000);
    let totals = reporter.shut_down().await;
    assert_eq!((totals.reported, totals.delivered), (1_000, 0));
    assert_eq!(totals.dropped + totals.lost, 1_000, "{totals:?}");
    // A batch or two had left the channel.
    assert!((100..=130).contains(&totals.lost), "{totals:?}");
}

#[tokio::test]
async fn with_a_folder_events_wait_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { spool: Some(folder.path().join("spool")), ..options() };
    let tracker = Tracker::start(Mood::Unavailable);
    let reporter = start(&tracker, options());
    report(&reporter, 55);
    reporter.flush().await;
    let totals = reporter.shut_down().await;
    assert_eq!(totals, Totals { reported: 55, spooled: 55, ..Totals::default() });

    tracker.change(Mood::Takes);
    let reporter = start(&tracker, options());
    report(&reporter, 5);
    let totals = reporter.shut_down().await;
    assert_eq!(totals, Totals { reported: 5, recovered: 55, delivered: 60, ..Totals::default() });
    assert_eq!(tracker.ids().len(), 60);
    assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_full_folder_drops_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Some(folder.path().to_owned());
    let tracker = Tracker::start(Mood::Unavailable);
    let reporter = start(&tracker, Options { spool, spool_bytes: 3_000, ..options() });
    report(&reporter, 500);
    let totals = reporter.shut_down().await;
    assert_eq!(totals.spooled + totals.dropped, 500, "{totals:?}");
    assert!(totals.spooled > 0 && totals.dropped > 0, "{totals:?}");
}

/// The last clone sends what is left.
#[test]
fn a_dropped_reporter_sends_what_it_has() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tracker = runtime.block_on(async { Tracker::start(Mood::Takes) });
    let reporter = start(&tracker, Options { interval: LONG, ..options() });
    let other = reporter.clone();
    report(&reporter, 3);
    drop(reporter);
    assert_eq!(tracker.sent(), 0);
    drop(other);
    assert_eq!(tracker.ids().len(), 3);
}
