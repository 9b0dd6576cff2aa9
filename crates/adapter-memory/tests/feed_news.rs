//! What comes from other processes, or does not: readers are told of each event once, or that it is missing.

#![allow(clippy::panic, clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{FeedOptions, MemoryFeed, SeededRandomness};
use activity_contract::make;
use activity_domain::activity::{Activity, Metadata};
use activity_domain::live::{Delivery, Filter, Missed, Scope};
use activity_domain::port::{LiveFeed, LocalFeed, Subscription};
use proptest::prelude::*;

const NOON: &str = "2026-03-10T12:00:00Z";
const CLIENTS: [&str; 3] = ["a", "b", "c"];

fn feed(seed: u64, options: FeedOptions) -> MemoryFeed {
    MemoryFeed::new(Arc::new(SeededRandomness::new(seed)), options)
}

fn scopes() -> Vec<Scope> {
    let clients = CLIENTS.map(|client| Scope::Client(make::client_id(client)));
    clients.into_iter().chain([Scope::Everybody]).collect()
}

fn reader(feed: &MemoryFeed, scope: Scope) -> Box<dyn Subscription> {
    feed.subscribe(scope, Filter::default(), None).unwrap()
}

fn calls(clients: &[usize]) -> Vec<Activity> {
    clients.iter().map(|client| make::call(CLIENTS[*client], 1, NOON)).collect()
}

/// Numbers of events, and how many were missed before each of them.
fn told(reader: &mut Box<dyn Subscription>, scope: &Scope) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut reached = 0;
    while let Some(delivery) = reader.ready() {
        match delivery {
            Delivery::Event(event) => {
                assert_eq!(event.number_in(scope), reached + 1, "nothing is missing that was not told");
                reached += 1;
                numbers.push(reached);
            }
            Delivery::Lagged(missed) => {
                assert!(missed.is_exact);
                reached += missed.events;
            }
        }
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Messages come in order; some do not come, and some come twice. The last ones do.
    #[test]
    fn what_does_not_come_is_missed_by_those_whose_it_is(
        messages in prop::collection::vec((prop::collection::vec(0..3usize, 0..5), 0..3usize), 0..20),
    ) {
        let (there, here) = (feed(1, FeedOptions::default()), feed(2, FeedOptions::default()));
        here.take(there.sign(), false, Vec::new());
        let mut readers: Vec<_> = scopes().into_iter().map(|scope| (reader(&here, scope.clone()), scope)).collect();
        let mut came = vec![0usize; 4];
        for (clients, times) in messages.into_iter().chain([(vec![0, 1, 2], 1)]) {
            let news = there.publish_here(calls(&clients));
            for _ in 0..times {
                here.take(there.sign(), false, news.clone());
            }
            if times > 0 {
                for client in &clients {
                    came[*client] += 1;
                }
                came[3] += clients.len();
            }
        }
        for ((reader, scope), came) in readers.iter_mut().zip(came) {
            prop_assert_eq!(told(reader, scope).len(), came);
        }
        let counts = here.counts();
        prop_assert_eq!(counts.received + counts.lost, there.counts().published);
    }
}

/// Who hears of a source when it has said a lot claims nothing about that, and is careful once something is lost.
#[test]
fn who_comes_late_does_not_count_what_was_before() {
    let (there, here) = (feed(1, FeedOptions::default()), feed(2, FeedOptions::default()));
    there.publish_here(calls(&[0, 0, 1, 1]));
    here.take(there.sign(), false, Vec::new());
    let mut a = reader(&here, Scope::Client(make::client_id("a")));
    let mut b = reader(&here, Scope::Client(make::client_id("b")));
    let next = |reader: &mut Box<dyn Subscription>| match reader.ready() {
        Some(Delivery::Event(event)) => Ok(event.own),
        Some(Delivery::Lagged(missed)) => Err(missed),
        None => panic!("nothing came"),
    };
    here.take(there.sign(), false, there.publish_here(calls(&[0])));
    assert_eq!(next(&mut a), Ok(3));
    there.publish_here(calls(&[0, 1]));
    let news = there.publish_here(calls(&[0, 1]));
    here.take(there.sign(), false, news);
    assert_eq!(next(&mut a), Err(Missed::exactly(1)));
    assert_eq!(next(&mut b), Err(Missed::UNKNOWN), "nobody here knows how many it had before");
    assert_eq!((next(&mut a), next(&mut b)), (Ok(5), Ok(4)));
}

/// One that began while this process listened has been heard of from its first event on.
#[test]
fn who_begins_later_is_missed_from_the_first_event_on() {
    let (there, here) = (feed(1, FeedOptions::default()), feed(2, FeedOptions::default()));
    let mut all = reader(&here, Scope::Everybody);
    there.publish_here(calls(&[0, 1]));
    here.take(there.sign(), true, there.publish_here(calls(&[0])));
    assert!(matches!(all.ready(), Some(Delivery::Lagged(Missed { events: 2, is_exact: true }))));
}

/// However large events are and however many readers are stuck, what is kept is bounded.
#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let options =
        FeedOptions { bytes: 100_000, horizon: Duration::from_millis(30), ..FeedOptions::default() };
    let feed = feed(1, options);
    let mut stuck = reader(&feed, Scope::Everybody);
    let large = Metadata::from_object(&format!("{{\"k\":\"{}\"}}", "m".repeat(8_000))).unwrap();
    for _ in 0..100 {
        feed.publish(vec![Activity { metadata: Some(large.clone()), ..make::call("a", 1, NOON) }]);
    }
    assert_eq!(feed.counts().kept, 100_000 / (16_000 + 768));
    assert!(matches!(stuck.ready(), Some(Delivery::Lagged(Missed { events: 95, is_exact: true }))));
}

/// What is old is not kept, however little it is.
#[test]
fn what_is_kept_is_bounded_in_time() {
    let feed = feed(1, FeedOptions { horizon: Duration::from_millis(30), ..FeedOptions::default() });
    feed.publish(calls(&[0; 100]));
    let begun = std::time::Instant::now();
    while feed.counts().kept > 50 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is kept for ever");
        std::thread::sleep(Duration::from_millis(5));
        feed.publish(calls(&[0]));
    }
}

/// There is an end to how many may read.
#[test]
fn readers_are_bounded() {
    let feed = feed(1, FeedOptions { readers: 2, ..FeedOptions::default() });
    let held = [reader(&feed, Scope::Everybody), reader(&feed, Scope::Everybody)];
    assert!(feed.subscribe(Scope::Everybody, Filter::default(), None).is_err());
    drop(held);
    assert!(feed.subscribe(Scope::Everybody, Filter::default(), None).is_ok());
}
