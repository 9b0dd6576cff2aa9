//! Any history of changes: whoever follows them says what the store says, or what it said since they
//! last looked.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryStore, SeededRandomness};
use activity_contract::make;
use activity_domain::client::ClientChange;
use activity_domain::error::AccessError;
use activity_domain::id::ClientId;
use activity_domain::key::{ApiKey, KeyRecord};
use activity_domain::port::{Account, ClientRepo, Clock, Read};
use activity_domain::service::{AUTH_STALE_MAX_SECONDS, Access};
use activity_domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

/// What happens, elsewhere or to the one who follows.
#[derive(Debug, Clone)]
enum Step {
    Switch(bool),
    Issue { lives: Option<i64>, overlap: Option<i64> },
    Revoke(Index),
    Erase,
    Wait(i64),
    Refresh,
    Enter(Index),
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = || prop_oneof![Just(None), (0i64..120).prop_map(Some)];
    prop_oneof![
        2 => any::<bool>().prop_map(Step::Switch),
        2 => (seconds(), seconds()).prop_map(|(lives, overlap)| Step::Issue {
            lives: lives.map(|seconds| seconds + 1),
            overlap,
        }),
        1 => any::<Index>().prop_map(Step::Revoke),
        1 => Just(Step::Erase),
        2 => prop_oneof![4 => 0i64..90, 1 => 500i64..700].prop_map(Step::Wait),
        3 => Just(Step::Refresh),
        8 => any::<Index>().prop_map(Step::Enter),
    ]
}

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    randomness: SeededRandomness,
    access: Access,
    id: ClientId,
    keys: Vec<ApiKey>,
    refreshed: Timestamp,
    /// What the store said since the last refresh, the latest last.
    truths: Vec<Option<Account>>,
}

/// What a state of the store makes of a key.
fn verdict(state: Option<&Account>, key: &ApiKey, now: Timestamp) -> Result<(), AccessError> {
    let account = state.ok_or(AccessError::Unknown)?;
    let held = account.keys.iter().find(|held| held.record.digest == key.digest());
    let held = held.ok_or(AccessError::Unknown)?;
    if held.record.expires_at.is_some_and(|end| end <= now) {
        return Err(AccessError::Unknown);
    }
    if account.client.is_active { Ok(()) } else { Err(AccessError::Deactivated) }
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(make::at("2026-03-10T12:00:00Z")));
        let access = Access::new(store.clone(), clock.clone());
        let (id, randomness) = (make::client_id("CL-1"), SeededRandomness::new(5));
        let refreshed = clock.now();
        let (keys, truths) = (Vec::new(), Vec::new());
        let mut world = Self { store, clock, randomness, access, id, keys, refreshed, truths };
        world.store.insert(&make::client("CL-1"), None).await.unwrap();
        world.issue(None, None).await;
        world
    }

    async fn issue(&mut self, lives: Option<i64>, overlap: Option<i64>) {
        let (id, key) = ApiKey::generate(&self.randomness);
        let created_at = self.clock.now();
        let expires_at = lives.map(|seconds| created_at.plus_seconds(seconds));
        let record = KeyRecord { id, digest: key.digest(), created_at, expires_at };
        let overlap = overlap.map(|seconds| created_at.plus_seconds(seconds));
        // It may be erased or full.
        let _ = self.store.add_key(&self.id, &record, overlap).await;
        self.keys.push(key);
        self.look().await;
    }

    async fn look(&mut self) {
        self.truths.push(self.store.account(&self.id, Read::Latest).await.unwrap());
    }

    async fn play(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        match step {
            Step::Switch(is_active) => {
                let change = ClientChange { is_active: Some(*is_active), ..ClientChange::default() };
                self.store.update(&self.id, &change, now).await.unwrap();
            }
            Step::Issue { lives, overlap } => self.issue(*lives, *overlap).await,
            Step::Revoke(index) => {
                let key = index.get(&self.keys).id();
                self.store.revoke_key(&self.id, &key, now).await.unwrap();
            }
            Step::Erase => {
                self.store.erase(&self.id, &make::client_id("anon-1"), now).await.unwrap();
            }
            Step::Wait(seconds) => self.clock.advance(*seconds),
            Step::Refresh => {
                prop_assert_eq!(self.access.refresh().await, Ok(false));
                (self.refreshed, self.truths) = (now, Vec::new());
            }
            Step::Enter(index) => return self.enter(index.get(&self.keys).clone()).await,
        }
        self.look().await;
        Ok(())
    }

    async fn enter(&self, key: ApiKey) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        let is_stale = now > self.refreshed.plus_seconds(AUTH_STALE_MAX_SECONDS);
        let since = if is_stale { self.truths.len() - 1 } else { 0 };
        let may: Vec<_> =
            self.truths[since..].iter().map(|state| verdict(state.as_ref(), &key, now)).collect();
        let by_key = self.access.by_key(key.reveal()).await.map(|_| ());
        let by_token = self.access.by_token(&self.id, &key.id()).await.map(|_| ());
        for found in [by_key, by_token] {
            prop_assert!(may.contains(&found), "{:?} is none of {:?}", found, may);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn who_follows_says_what_the_store_says_or_said_since(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.play(step).await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}
