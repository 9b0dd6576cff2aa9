//! The store: maps behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::activity::Activity;
use activity_domain::client::Client;
use activity_domain::error::StoreError;
use activity_domain::id::{ActivityId, ClientId, StreamId};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{KeptAside, SetAside};
use activity_domain::time::Timestamp;

use crate::switches::Switches;

/// What makes an activity the same one.
pub(crate) type RowKey = (ClientId, Timestamp, ActivityId);

/// All ports of storage, in memory. One lock around everything makes each call one transaction.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub clients: BTreeMap<ClientId, Client>,
    pub keys: HashMap<KeyDigest, (ClientId, KeyRecord)>,
    pub rows: BTreeMap<RowKey, Activity>,
    pub cursors: HashMap<StreamId, u64>,
    pub set_aside: Vec<KeptAside>,
    pub set_aside_ever: u64,
    pub switches: Switches,
}

impl MemoryStore {
    /// An empty store that works.
    pub fn new() -> Self {
        Self::default()
    }

    /// The raw rows, in order of client, time and id. Tests may look even while the store is cut off.
    pub fn rows(&self) -> Vec<Activity> {
        self.state().rows.values().cloned().collect()
    }

    /// What was set aside, in order of arrival.
    pub fn set_aside(&self) -> Vec<SetAside> {
        let set_aside =
            |kept: &KeptAside| SetAside { payload: kept.payload.clone(), reason: kept.reason.clone() };
        self.state().set_aside.iter().map(set_aside).collect()
    }

    /// The state, for a port: out of reach while the store is cut off.
    pub(crate) fn reach(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        state.switches.check_reach()?;
        Ok(state)
    }

    /// The state, whatever the switches say.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Only a panicking test's predicate can poison the lock, and that runs before any change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
