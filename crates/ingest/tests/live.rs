//! What is durable is told to the live feed, in the order of the spool; what an earlier process left, too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test, that is how it fails")]

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use activity_adapter_memory::{FeedOptions, MemoryFeed, MemoryStore, SeededRandomness};
use activity_domain::activity::Activity;
use activity_domain::audit::Sealed;
use activity_domain::error::{Degraded, StoreError};
use activity_domain::id::{ClientId, StreamId};
use activity_domain::live::{About, Delivery, FeedCounts, Filter, Hint, Place, Scope};
use activity_domain::port::{ActivitySink, Append, Appended, Batch, Hints, LiveFeed, Recorder, Subscription};
use activity_ingest::{DrainConfig, Drainer};
use async_trait::async_trait;
use support::faulty::{Faulty, FaultyDisk, switch};
use support::{Draining, activities, activity, open, open_on};

fn feed(options: FeedOptions) -> Arc<MemoryFeed> {
    Arc::new(MemoryFeed::new(Arc::new(SeededRandomness::new(5)), options))
}

fn roomy() -> FeedOptions {
    FeedOptions { waiting: 100_000, events: 100_000, bytes: 1 << 30, ..FeedOptions::default() }
}

fn everybody(feed: &dyn LiveFeed) -> Box<dyn Subscription> {
    feed.subscribe(Scope::Everybody, Filter::default(), None).unwrap()
}

/// The number of the next activity that a reader is told.
async fn told(reader: &mut Box<dyn Subscription>) -> u64 {
    match tokio::time::timeout(Duration::from_secs(30), reader.next()).await.expect("is told in time") {
        Some(Delivery::Event(event)) => event.activity.response_bytes.unwrap(),
        other => panic!("an event should come, not {other:?}"),
    }
}

/// A store that keeps the order in which rows came.
#[derive(Default)]
struct InOrder(Mutex<Vec<u64>>);

#[async_trait]
impl ActivitySink for InOrder {
    async fn position(&self, _: StreamId) -> Result<u64, StoreError> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let numbers = batch.records.iter().map(|record| record.activity.response_bytes.unwrap());
        self.0.lock().unwrap().extend(numbers);
        Ok(Append::Stored(Appended { stored: batch.records.len() as u64, ..Appended::default() }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_the_order_of_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, store) = (feed(roomy()), Arc::new(InOrder::default()));
    let mut reader = everybody(&*feed);
    let spool = Arc::new(open(folder.path(), 1).publishing(feed).unwrap());
    let writers = (0..16u64).map(|writer| {
        let spool = spool.clone();
        tokio::spawn(async move {
            for batch in 0..10 {
                let from = writer * 100 + batch * 10;
                spool.record(activities(from..from + 10)).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let config = DrainConfig::new(10, Duration::from_millis(5));
    Draining::with(&spool, store.clone(), config).finish().await;
    let rows = store.0.lock().unwrap().clone();
    assert_eq!(rows.len(), 1_600);
    for row in rows {
        assert_eq!(told(&mut reader).await, row);
    }
    drop(spool);
    assert!(reader.ready().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_told_and_trails_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let feed = feed(roomy());
    let mut reader = everybody(&*feed);
    let spool = open_on(folder.path(), 1, Arc::new(Faulty(disk.clone())), 64 << 20).publishing(feed).unwrap();
    switch(&disk.fails_syncs, true);
    spool.record(activities(0..5)).await.unwrap_err();
    switch(&disk.fails_syncs, false);
    let with_trail = Activity { audit: Some(Sealed::parse(vec![1, 2, 3]).unwrap()), ..activity(5) };
    spool.record(vec![with_trail]).await.unwrap();
    match reader.next().await {
        Some(Delivery::Event(event)) => assert_eq!(event.activity, activity(5)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(FeedOptions { horizon: Duration::ZERO, ..roomy() });
    let spool = open(folder.path(), 1).publishing(feed.clone()).unwrap();
    let begun = Instant::now();
    while feed.is_wanted() {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody was ever there");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    spool.record(activities(0..5)).await.unwrap();
    let mut reader = everybody(&*feed);
    spool.record(activities(5..6)).await.unwrap();
    assert_eq!(told(&mut reader).await, 5);
    assert_eq!(feed.counts().published, 1);
}

/// A feed that takes one call at a time, when it is allowed to.
struct Slow {
    feed: Arc<MemoryFeed>,
    go: Mutex<Receiver<()>>,
}

impl LiveFeed for Slow {
    fn is_wanted(&self) -> bool {
        self.feed.is_wanted()
    }

    fn publish(&self, activities: Vec<Activity>) {
        // Once nobody holds it back any more, that fails, and all goes on.
        let _ = self.go.lock().unwrap().recv();
        self.feed.publish(activities);
    }

    fn skip(&self, skipped: &[(ClientId, u64)]) {
        self.feed.skip(skipped);
    }

    fn lose_count(&self) {
        self.feed.lose_count();
    }

    fn subscribe(
        &self,
        scope: Scope,
        filter: Filter,
        place: Option<&Place>,
    ) -> Result<Box<dyn Subscription>, Degraded> {
        self.feed.subscribe(scope, filter, place)
    }

    fn hint(&self, hints: &[Hint]) {
        self.feed.hint(hints);
    }

    fn hints(&self, about: About) -> Box<dyn Hints> {
        self.feed.hints(about)
    }

    fn counts(&self) -> FeedCounts {
        self.feed.counts()
    }

    fn close(&self) {
        self.feed.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_stuck_holds_up_nobody_and_what_it_misses_is_counted() {
    const BATCH: u64 = 10_000;
    const ALL: u64 = 12 * BATCH;
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(roomy());
    let (held, go): (Sender<()>, _) = channel();
    let slow = Slow { feed: feed.clone(), go: Mutex::new(go) };
    let mut reader = everybody(&slow);
    let of_client = Scope::Client(ClientId::parse("CL-test").unwrap());
    let mut own = feed.subscribe(of_client, Filter::default(), None).unwrap();
    let spool = open(folder.path(), 1).publishing(Arc::new(slow)).unwrap();
    for from in (0..ALL).step_by(usize::try_from(BATCH).unwrap()) {
        spool.record(activities(from..from + BATCH)).await.unwrap();
    }
    drop(held);
    // Closing tells what waits.
    drop(spool);
    for reader in [&mut reader, &mut own] {
        let (mut seen, mut missed) = (0, 0);
        while let Some(delivery) = reader.ready() {
            match delivery {
                Delivery::Event(_) => seen += 1,
                Delivery::Lagged(some) => {
                    assert!(some.is_exact);
                    missed += some.events;
                }
            }
        }
        assert!(missed > 0, "there was room for all");
        assert_eq!(seen + missed, ALL);
        assert_eq!(missed, feed.counts().skipped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_process_left_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    open(folder.path(), 1).record(activities(0..5)).await.unwrap();
    let feed = feed(roomy());
    let mut reader = everybody(&*feed);
    let spool = open(folder.path(), 2).publishing(feed.clone()).unwrap();
    let config = DrainConfig::new(10, Duration::from_millis(5));
    let drainer = Drainer::new(&spool, store.clone(), config).publishing(feed);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let draining = tokio::spawn(drainer.run(stopped));
    for number in 0..5 {
        assert_eq!(told(&mut reader).await, number);
    }
    spool.record(activities(5..6)).await.unwrap();
    assert_eq!(told(&mut reader).await, 5);
    stop.send_replace(true);
    draining.await.unwrap();
    assert_eq!(store.rows().len(), 6);
    assert!(reader.ready().is_none(), "its own events are told once");
}
