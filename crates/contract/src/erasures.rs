//! Laws of erasing, by property: after any history of arrivals, erasures and upkeep, every activity that
//! was stored is counted once, under its client or under nobody.

#![expect(clippy::unused_async, reason = "laws are called alike; these wait inside the property")]

use std::collections::{BTreeMap, HashSet};

use activity_domain::port::{Append, Appended};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::property::check;
use crate::{Harness, Stores, ask, make};

/// The last one is never registered, so it cannot be erased.
const CLIENTS: [&str; 4] = ["CL-a", "CL-b", "CL-c", "CL-unknown"];
const NOON: &str = "2026-03-10T12:00:00Z";

#[derive(Debug, Clone)]
enum Step {
    /// Calls by client and id.
    Arrive(Vec<(usize, u8)>),
    Erase(usize),
    Purge,
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop::collection::vec((0..CLIENTS.len(), 0u8..6), 1..12).prop_map(Step::Arrive),
        2 => (0..CLIENTS.len()).prop_map(Step::Erase),
        1 => Just(Step::Purge),
        1 => Just(Step::Compact),
    ]
}

struct World {
    stores: Stores,
    streams: u128,
    stored: HashSet<(usize, u8)>,
    erased: HashSet<usize>,
    counts: BTreeMap<String, u64>,
}

impl World {
    async fn fresh(harness: &dyn Harness) -> Self {
        let stores = harness.fresh().await;
        for id in &CLIENTS[..3] {
            stores.clients.insert(&make::client(id), None).await.expect("insert");
        }
        Self { stores, streams: 0, stored: HashSet::new(), erased: HashSet::new(), counts: BTreeMap::new() }
    }

    async fn play(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Arrive(calls) => self.arrive(calls).await?,
            Step::Erase(index) => self.erase(*index).await?,
            Step::Purge => {
                self.stores.upkeep.purge(make::at(NOON)).await.expect("purge");
            }
            Step::Compact => {
                self.stores.upkeep.compact(ask::now()).await.expect("compact");
            }
        }
        let rows = ask::top(&self.stores, ask::always()).await;
        let found: BTreeMap<String, u64> =
            rows.into_iter().map(|row| (row.client.to_string(), row.summary.requests)).collect();
        prop_assert_eq!(&found, &self.counts);
        Ok(())
    }

    async fn arrive(&mut self, calls: &[(usize, u8)]) -> Result<(), TestCaseError> {
        let mut expected = Appended::default();
        for (client, id) in calls {
            if self.erased.contains(client) {
                expected.discarded += 1;
            } else if self.stored.insert((*client, *id)) {
                expected.stored += 1;
                *self.counts.entry(CLIENTS[*client].to_owned()).or_default() += 1;
            } else {
                expected.duplicate += 1;
            }
        }
        let rows = calls.iter().map(|(client, id)| make::call(CLIENTS[*client], (*id).into(), NOON));
        self.streams += 1;
        let batch = make::batch(make::stream(self.streams), 0, rows.collect());
        let answer = self.stores.sink.append(&batch).await.expect("append");
        prop_assert_eq!(answer, Append::Stored(expected));
        Ok(())
    }

    async fn erase(&mut self, index: usize) -> Result<(), TestCaseError> {
        let anonymous = format!("anon-{index}");
        let id = make::client_id(CLIENTS[index]);
        let erased = self.stores.clients.erase(&id, &make::client_id(&anonymous), make::at(NOON)).await;
        let is_there = index < 3 && !self.erased.contains(&index);
        prop_assert_eq!(erased, Ok(is_there));
        if is_there {
            self.erased.insert(index);
            if let Some(count) = self.counts.remove(CLIENTS[index]) {
                self.counts.insert(anonymous, count);
            }
        }
        Ok(())
    }
}

/// Stored, duplicate and discarded are told apart rightly after any erasures, and counts stay.
pub async fn any_history_of_erasures_counts_everything_once(harness: &dyn Harness) {
    check(&prop::collection::vec(step(), 1..16), async |steps| {
        let mut world = World::fresh(harness).await;
        for step in &steps {
            world.play(step).await?;
        }
        Ok(())
    });
}
