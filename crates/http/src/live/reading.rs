//! A subscription: events and snapshots, in the order in which they come.

use std::sync::Arc;

use activity_domain::live::{Delivery, LiveEvent, Missed, Place, Scope};
use activity_domain::port::Subscription;
use activity_domain::service::Caller;
use bytes::Bytes;
use futures_util::future::select_all;

use super::Live;
use super::snapshots::Subject;
use super::topics::Listener;
use super::wish::{Channel, Wish};
use crate::dto::LogEntry;
use crate::problem::Problem;

/// What a reader is told.
pub enum News {
    /// An event.
    Event(Arc<LiveEvent>),
    /// Events that it missed.
    Lagged(Missed),
    /// How something is now.
    Snapshot(Channel, Bytes),
    /// There will be no more.
    Closed,
}

/// What one reader reads.
pub struct Reading {
    events: Option<Box<dyn Subscription>>,
    snapshots: Vec<(Channel, Listener)>,
}

impl Reading {
    /// Begins to read. 503 if there are too many readers.
    pub fn open(live: &Live, wish: &Wish, caller: &Caller) -> Result<Self, Problem> {
        let mut reading = Self { events: None, snapshots: Vec::new() };
        for channel in &wish.channels {
            let subject = match channel {
                Channel::Logs => {
                    let events =
                        live.feed.subscribe(wish.scope.clone(), wish.filter.clone(), wish.place.as_ref());
                    reading.events = Some(events.map_err(|_| full())?);
                    continue;
                }
                Channel::Daily => Subject::Daily(wish.scope.clone()),
                Channel::Top => Subject::Top,
                Channel::RateLimit => Subject::RateLimit(Scope::Client(caller.client.id.clone())),
            };
            reading.snapshots.push((*channel, live.topics.listen(&subject, caller)));
        }
        Ok(reading)
    }

    /// Waits for what is next. Nothing is lost if the caller gives up waiting.
    pub async fn next(&mut self) -> News {
        let Self { events, snapshots } = self;
        let event = async {
            match events {
                Some(events) => events.next().await.map_or(News::Closed, News::from),
                None => std::future::pending().await,
            }
        };
        let snapshot = async {
            if snapshots.is_empty() {
                return std::future::pending().await;
            }
            let all = snapshots.iter_mut().map(|(channel, listener)| {
                Box::pin(async { News::Snapshot(*channel, listener.next().await) })
            });
            select_all(all).await.0
        };
        tokio::select! {
            news = event => news,
            news = snapshot => news,
        }
    }

    /// An event that is there already.
    pub fn ready(&mut self) -> Option<News> {
        self.events.as_mut()?.ready().map(News::from)
    }

    /// Where the reader stands, if it reads events.
    pub fn place(&self) -> Option<Place> {
        self.events.as_ref().map(|events| events.place())
    }
}

fn full() -> Problem {
    Problem::unavailable("there are too many streams at present", 15)
}

impl From<Delivery> for News {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Event(event) => Self::Event(event),
            Delivery::Lagged(missed) => Self::Lagged(missed),
        }
    }
}

/// An event as JSON in one line, made once for all who read it.
pub fn shown(event: &LiveEvent) -> &Bytes {
    event.shown(|activity| {
        // A struct of strings and numbers always serialises.
        let mut json = serde_json::to_vec(&LogEntry::new(activity, None)).unwrap_or_default();
        // Metadata is as its sender wrote it. Between its tokens any space does; in strings there are no line breaks.
        for byte in json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
            *byte = b' ';
        }
        json.into()
    })
}

/// How many events were missed, at least, and whether exactly so many: fields of a JSON object.
pub fn missed(missed: Missed) -> String {
    let Missed { events, is_exact } = missed;
    format!("\"missed\":{events},\"exact\":{is_exact}")
}
