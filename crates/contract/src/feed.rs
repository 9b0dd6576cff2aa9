//! Laws of `LiveFeed`, on two feeds that hear of each other, or on one twice.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | [`FeedHarness`]: what an adapter brings along |
//! | `seeing` | who sees which events, in which order |
//! | `lagging` | who is told that it missed how many |
//! | `resuming` | who comes back to a place |
//! | `hinting` | hints, and the end |

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::activity::Activity;
use activity_domain::live::{Delivery, Filter, LiveEvent, Place, Scope};
use activity_domain::port::{LiveFeed, Subscription};
use async_trait::async_trait;

use crate::make;

mod hinting;
mod lagging;
mod resuming;
mod seeing;

pub use hinting::*;
pub use lagging::*;
pub use resuming::*;
pub use seeing::*;

/// Feeds to be tested.
pub struct FeedsUnderTest {
    /// One, which has no reader and no event.
    pub one: Arc<dyn LiveFeed>,
    /// Another that hears of what happens there, and the other way round; or the same.
    pub other: Arc<dyn LiveFeed>,
    /// So many events may wait for a reader: at least 16, and at most half of what is kept.
    pub waiting: u64,
    /// So many events are kept for readers who come back: at most 1,000.
    pub kept: u64,
    /// Cleans up when dropped.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// Gives laws their feeds.
#[async_trait]
pub trait FeedHarness: Send + Sync {
    /// Feeds that share nothing with those of other laws.
    async fn fresh(&self) -> FeedsUnderTest;
}

/// An `async fn fresh() -> FeedsUnderTest` is all that most adapters need.
#[async_trait]
impl<F, Made> FeedHarness for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = FeedsUnderTest> + Send + 'static,
{
    async fn fresh(&self) -> FeedsUnderTest {
        self().await
    }
}

/// Far more than anything takes, so that a busy machine fails no law.
const SOON: Duration = Duration::from_secs(40);
const NOON: &str = "2026-03-10T12:00:00Z";

/// Events of a client with these numbers.
fn calls(client: &str, numbers: std::ops::Range<u64>) -> Vec<Activity> {
    numbers.map(|number| make::call(client, number.into(), NOON)).collect()
}

fn only(client: &str) -> Scope {
    Scope::Client(make::client_id(client))
}

fn reader(feed: &Arc<dyn LiveFeed>, scope: Scope) -> Box<dyn Subscription> {
    feed.subscribe(scope, Filter::default(), None).expect("there is room")
}

/// A reader that comes back with the text of its place.
fn back(feed: &Arc<dyn LiveFeed>, scope: Scope, place: &Place) -> Box<dyn Subscription> {
    let place = Place::parse(&place.to_string()).expect("a place");
    feed.subscribe(scope, Filter::default(), Some(&place)).expect("there is room")
}

async fn next(reader: &mut Box<dyn Subscription>) -> Delivery {
    let next = tokio::time::timeout(SOON, reader.next()).await;
    next.expect("something comes in time").expect("the feed is open")
}

/// What a reader was told: events, and how many it missed before each of them and after the last.
#[derive(Default)]
struct Told {
    events: Vec<Arc<LiveEvent>>,
    missed: u64,
}

impl Told {
    fn numbers(&self) -> Vec<u128> {
        self.events.iter().map(|event| event.activity.id.0.as_u128()).collect()
    }

    async fn one_more(&mut self, reader: &mut Box<dyn Subscription>) {
        match next(reader).await {
            Delivery::Event(event) => self.events.push(event),
            Delivery::Lagged(missed) => {
                assert!(missed.is_exact, "how many are missed is known");
                self.missed += missed.events;
            }
        }
    }
}

/// All that a reader is told of so many events, seen or missed.
async fn told(reader: &mut Box<dyn Subscription>, count: u64) -> Told {
    let mut told = Told::default();
    while told.events.len() as u64 + told.missed < count {
        told.one_more(reader).await;
    }
    assert_eq!(told.events.len() as u64 + told.missed, count, "more than there are");
    told
}

/// Waits until all that was published has come to both.
async fn settle(feeds: &FeedsUnderTest) {
    let places = [&feeds.one, &feeds.other];
    let mut readers = places.map(|feed| reader(feed, only("settle")));
    for feed in places {
        feed.publish(calls("settle", 0..1));
    }
    for reader in &mut readers {
        told(reader, 2).await;
    }
}

/// That a reader is told of exactly these events, which are of one source, and misses none.
async fn sees(reader: &mut Box<dyn Subscription>, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        match next(reader).await {
            Delivery::Event(event) => assert_eq!(event.activity.id.0.as_u128(), u128::from(number)),
            Delivery::Lagged(missed) => panic!("{number} should come, and {missed:?} came"),
        }
    }
}
