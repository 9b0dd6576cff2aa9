//! Histories of a store: generated batches, retries and compactions, played on real ports and kept in a list.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use activity_domain::activity::{Activity, Endpoint, Method};
use activity_domain::port::{Append, Appended, Batch};
use activity_domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseError;

use crate::{Harness, Stores, ask, make};

/// In the order of their bytes, which is not the order of a dictionary. The last one is never registered.
pub const CLIENTS: [&str; 4] = ["CL-10", "CL-2", "_z", "a.b"];

/// Instants at which counting by day or by block goes wrong if it does.
const LANDMARKS: [&str; 22] = [
    "2026-03-08T05:00:00Z", // New York: midnight before the clocks go forward
    "2026-03-08T07:00:00Z", // New York: they do
    "2026-03-09T04:00:00Z", // New York: midnight after
    "2025-11-02T06:00:00Z", // New York: they go back
    "2026-03-08T05:30:00Z", // St John's: they go forward
    "2026-03-10T02:30:00Z", // St John's: midnight
    "2010-11-07T02:30:00Z", // St John's: midnight, a minute before they go back to the day before
    "2025-04-05T15:00:00Z", // Lord Howe: back, by half an hour
    "2025-10-04T13:30:00Z", // Lord Howe: midnight
    "2025-10-04T15:30:00Z", // Lord Howe: forward, by half an hour
    "2011-12-30T10:00:00Z", // Apia: a day is left out
    "2026-03-10T11:00:00Z", // Apia: midnight
    "2026-03-10T18:15:00Z", // Kathmandu: midnight
    "2026-03-09T18:15:00Z",
    "2026-03-10T00:00:00Z", // UTC: midnight
    "2026-01-01T00:00:00Z", // UTC: a year begins
    "2024-02-29T00:00:00Z", // UTC: a leap day
    "2026-03-10T10:15:00Z", // a quarter hour
    "2026-03-10T10:07:00Z", // a minute
    "2026-03-04T12:30:00Z", // eight days before `START`, where minutes begin to be forgotten
    "2026-03-04T12:34:56Z",
    "2026-03-12T12:34:56Z", // `START`
];

/// When histories begin to be compacted.
const START: &str = "2026-03-12T12:34:56Z";

/// An instant at or around a landmark.
pub fn moment() -> impl Strategy<Value = Timestamp> {
    let micros = prop_oneof![
        4 => select(vec![0i64, -1, 1, -1_000_000, 59_999_999, 60_000_000, -60_000_000]),
        3 => -7_200_000_000i64..7_200_000_000,
        1 => -172_800_000_000i64..172_800_000_000,
    ];
    (select(LANDMARKS.to_vec()), micros).prop_map(|(landmark, micros)| {
        Timestamp::from_micros(make::at(landmark).as_micros() + micros).expect("an instant of our days")
    })
}

/// One call, short enough to be read in a failure.
#[derive(Debug, Clone)]
pub struct Call {
    client: &'static str,
    id: u8,
    at: Timestamp,
    endpoint: &'static str,
    method: &'static str,
    status: i64,
    micros: Option<u64>,
}

/// Paths, of which some differ only by ids, and methods, of which some have no name of their own.
const ENDPOINTS: [&str; 5] = ["/things", "/things/1", "/things/2", "/things/2/parts", "*"];
const METHODS: [&str; 4] = ["GET", "POST", "PROPFIND", "BREW"];

impl From<&Call> for Activity {
    fn from(call: &Call) -> Self {
        let plain = make::call(call.client, call.id.into(), START);
        let endpoint = Endpoint::parse(call.endpoint).expect("a path");
        let method = Method::parse(call.method).expect("a method");
        make::answered(Self { at: call.at, endpoint, method, ..plain }, call.status, call.micros)
    }
}

/// Something that happens to a store.
#[derive(Debug, Clone)]
pub enum Step {
    /// A batch arrives: new calls, and some that were there before.
    Arrive { stream: u8, calls: Vec<Call>, again: Vec<Index> },
    /// A batch from before is sent once more, as after a lost answer.
    Replay(Index),
    /// A batch from before arrives in a new stream, as from a sender that did not trust the first answer.
    Elsewhere(Index),
    /// Time passes, then the store is compacted.
    Compact { minutes: i64 },
}

fn call() -> impl Strategy<Value = Call> {
    let took = prop_oneof![
        Just(None),
        (0u64..3).prop_map(Some),
        (1u64..2_000_000).prop_map(Some),
        Just(Some(86_400_000_000)),
    ];
    let what = (select(ENDPOINTS.to_vec()), select(METHODS.to_vec()));
    (select(CLIENTS.to_vec()), 0u8..4, moment(), what, select(vec![0i64, 100, 200, 399, 400, 503]), took)
        .prop_map(|(client, id, at, (endpoint, method), status, micros)| Call {
            client,
            id,
            at,
            endpoint,
            method,
            status,
            micros,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let minutes = prop_oneof![Just(0i64), 1i64..60, 60i64..14_400];
    let arrive = (0u8..3, prop::collection::vec(call(), 0..16), prop::collection::vec(any::<Index>(), 0..4));
    prop_oneof![
        5 => arrive.prop_map(|(stream, calls, again)| Step::Arrive { stream, calls, again }),
        1 => any::<Index>().prop_map(Step::Replay),
        1 => any::<Index>().prop_map(Step::Elsewhere),
        3 => minutes.prop_map(|minutes| Step::Compact { minutes }),
    ]
}

/// A history.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..9)
}

/// A store together with the list of what it has to know.
pub struct World {
    pub stores: Stores,
    pub now: Timestamp,
    /// The distinct activities, in order of arrival.
    pub rows: Vec<Activity>,
    sent: Vec<Arc<Batch>>,
    positions: HashMap<u128, u64>,
}

impl World {
    pub async fn fresh(harness: &dyn Harness) -> Self {
        let stores = harness.fresh().await;
        for id in &CLIENTS[..3] {
            stores.clients.insert(&make::client(id), None).await.expect("insert");
        }
        let now = make::at(START);
        Self { stores, now, rows: Vec::new(), sent: Vec::new(), positions: HashMap::new() }
    }

    /// Plays one step.
    pub async fn play(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Arrive { stream, calls, again } => {
                let mut rows = self.rows.clone();
                rows.extend(calls.iter().map(Activity::from));
                let again = again.iter().filter(|_| !rows.is_empty()).map(|index| index.get(&rows).clone());
                let calls = calls.iter().map(Activity::from).chain(again).collect();
                self.append(u128::from(*stream), calls).await
            }
            Step::Replay(_) | Step::Elsewhere(_) if self.sent.is_empty() => Ok(()),
            Step::Replay(index) => {
                let batch = index.get(&self.sent);
                let position = self.positions.get(&batch.stream.0.as_u128()).copied().unwrap_or(0);
                let answer = self.stores.sink.append(batch).await.expect("append");
                prop_assert_eq!(answer, Append::Moved(position));
                Ok(())
            }
            Step::Elsewhere(index) => {
                let calls = index.get(&self.sent).records.iter().map(|record| record.activity.clone());
                self.append(1_000 + self.sent.len() as u128, calls.collect()).await
            }
            Step::Compact { minutes } => {
                self.now = self.now.plus_seconds(60 * minutes);
                ask::compact(&self.stores, self.now).await;
                Ok(())
            }
        }
    }

    async fn append(&mut self, stream: u128, mut calls: Vec<Activity>) -> Result<(), TestCaseError> {
        let key = |row: &Activity| (row.client.clone(), row.id, row.at);
        let mut known: HashSet<_> = self.rows.iter().map(key).collect();
        let mut fresh: Vec<Activity> = Vec::new();
        for call in &mut calls {
            if known.insert(key(call)) {
                fresh.push(call.clone());
            } else if let Some(first) = fresh.iter().find(|row| key(row) == key(call)) {
                // Which of two versions in one batch stays is not for the port to say.
                *call = first.clone();
            }
        }
        let duplicate = (calls.len() - fresh.len()) as u64;
        let position = self.positions.entry(stream).or_default();
        let batch = make::batch(make::stream(stream), *position, calls);
        let answer = self.stores.sink.append(&batch).await.expect("append");
        let expected = Appended { stored: fresh.len() as u64, duplicate, ..Appended::default() };
        prop_assert_eq!(answer, Append::Stored(expected));
        *position = batch.next;
        self.sent.push(batch);
        self.rows.extend(fresh);
        Ok(())
    }
}
