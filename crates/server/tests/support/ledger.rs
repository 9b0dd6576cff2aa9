//! What was sent and what became of it, as far as its sender can know.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::database::Row;
use super::{Account, Random};

const DAY: i64 = 86_400_000_000;

/// An event with an id of the sender's.
#[derive(Clone, Debug)]
pub struct Event {
    pub client: String,
    pub id: Uuid,
    /// Microseconds since 1970.
    pub at: i64,
    pub status: u16,
    /// Microseconds.
    pub took: u64,
}

/// What identifies an event.
type Key<'a> = (&'a str, Uuid, i64);

impl Event {
    /// An event of one of the last few days.
    pub fn new(account: &Account, random: &mut Random) -> Self {
        let ago = DAY * random.below(5).cast_signed() + random.below(1_000_000).cast_signed();
        Self {
            client: account.id.clone(),
            id: Uuid::now_v7(),
            at: Timestamp::now().as_microsecond() - ago,
            status: if random.below(4) == 0 { 503 } else { 200 },
            took: random.below(1_000_000),
        }
    }

    /// Several of them.
    pub fn several(count: usize, account: &Account, random: &mut Random) -> Vec<Self> {
        (0..count).map(|_| Self::new(account, random)).collect()
    }

    /// The same event at another time, such as `2026-03-08T05:30:00Z`.
    pub fn at(self, time: &str) -> Self {
        Self { at: time.parse::<Timestamp>().unwrap().as_microsecond(), ..self }
    }

    /// The same event, so far ahead that no server takes it.
    pub fn tomorrow(self) -> Self {
        Self { at: Timestamp::now().as_microsecond() + DAY, ..self }
    }

    /// As the API takes it.
    pub fn json(&self) -> Value {
        json!({
            "clientId": self.client,
            "id": self.id.to_string(),
            "timestamp": Timestamp::from_microsecond(self.at).unwrap().to_string(),
            "endpoint": "/things?page=2",
            "method": "GET",
            "statusCode": self.status,
            "responseTime": self.took as f64 / 1_000.0,
        })
    }

    fn key(&self) -> Key<'_> {
        (&self.client, self.id, self.at)
    }
}

/// What a sender knows about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered 2xx: it has to be there.
    Ok,
    /// Answered 4xx or 5xx, or there was no connection to send it over: it must not be there.
    Refused,
    /// The connection broke before the answer: it may be there.
    Unknown,
}

/// The events that were sent, each once.
#[derive(Default)]
pub struct Ledger(Vec<(Event, Outcome)>);

impl Ledger {
    /// Notes what became of events.
    pub fn note(&mut self, events: impl IntoIterator<Item = Event>, outcome: Outcome) {
        self.0.extend(events.into_iter().map(|event| (event, outcome)));
    }

    /// Takes over another ledger.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many events had this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|(_, o)| *o == outcome).count()
    }

    /// The ids of a client's events that had this outcome.
    pub fn ids<'a>(&'a self, client: &'a str, outcome: Outcome) -> impl Iterator<Item = Uuid> + 'a {
        let had = move |(event, o): &&(Event, Outcome)| *o == outcome && event.client == client;
        self.0.iter().filter(had).map(|(event, _)| event.id)
    }

    /// Sends events, one as an object and several as an array, and notes each one's outcome. The
    /// status is that of the answer, if one came.
    pub async fn send(&mut self, request: RequestBuilder, events: Vec<Event>) -> Option<StatusCode> {
        let request = match events.as_slice() {
            [one] => request.json(&one.json()),
            many => request.json(&many.iter().map(Event::json).collect::<Vec<_>>()),
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                self.note(events, if error.is_connect() { Outcome::Refused } else { Outcome::Unknown });
                return None;
            }
        };
        let status = answer.status();
        if !status.is_success() {
            self.note(events, Outcome::Refused);
            return Some(status);
        }
        let Ok(answer) = answer.json::<Value>().await else {
            self.note(events, Outcome::Unknown);
            return None;
        };
        let rejected = answer["rejected"].as_array().unwrap();
        assert_eq!(answer["accepted"].as_u64(), Some((events.len() - rejected.len()) as u64));
        let rejected: BTreeSet<u64> = rejected.iter().map(|r| r["index"].as_u64().unwrap()).collect();
        for (index, event) in (0..).zip(events) {
            self.note([event], if rejected.contains(&index) { Outcome::Refused } else { Outcome::Ok });
        }
        Some(status)
    }

    /// Compares it with what the database has: every ok event is there once, a refused one is not, an
    /// unknown one is there once or not at all, and nothing else is there.
    pub fn check(&self, rows: &[Row]) {
        let mut stored: BTreeMap<Key, usize> = BTreeMap::new();
        for row in rows {
            let id = Uuid::from_slice(&row.id).unwrap();
            *stored.entry((&row.client, id, row.at)).or_default() += 1;
        }
        let mut wrong = Vec::new();
        for (event, outcome) in &self.0 {
            let times = stored.remove(&event.key()).unwrap_or(0);
            let is_right = match outcome {
                Outcome::Ok => times == 1,
                Outcome::Refused => times == 0,
                Outcome::Unknown => times <= 1,
            };
            if !is_right {
                wrong.push(format!("{outcome:?} and stored {times} times: {event:?}"));
            }
        }
        wrong.extend(stored.keys().map(|key| format!("never sent: {key:?}")));
        let (shown, sent) = (&wrong[..wrong.len().min(5)], self.0.len());
        assert!(wrong.is_empty(), "{} of {sent} events are wrong, such as {shown:#?}", wrong.len());
    }
}
