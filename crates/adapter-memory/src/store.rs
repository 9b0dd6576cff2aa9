//! The store: maps behind one lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use activity_domain::act::{Entry, Signature};
use activity_domain::activity::Activity;
use activity_domain::client::Client;
use activity_domain::error::StoreError;
use activity_domain::hygiene::DEFAULT_MAX_ENDPOINTS;
use activity_domain::id::{ActivityId, ClientId, Fingerprint, KeyId, StreamId, TicketId};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{KeptAside, SetAside};
use activity_domain::time::Timestamp;

use crate::accounts::Change;
use crate::switches::Switches;

/// What makes an activity the same one.
pub(crate) type RowKey = (ClientId, Timestamp, ActivityId);

/// All ports of storage, in memory. One lock around everything makes each call one transaction.
#[derive(Debug, Default)]
pub struct MemoryStore {
    pub(crate) state: Arc<Mutex<State>>,
    /// In whose name clients are changed, if that is to be written down.
    pub(crate) signature: Option<Signature>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub clients: BTreeMap<ClientId, Client>,
    pub keys: HashMap<KeyDigest, (ClientId, KeyRecord)>,
    pub rows: BTreeMap<RowKey, Activity>,
    /// All that was ever stored, in the order in which it came: counts stay when rows are dropped.
    pub counted: Vec<Activity>,
    /// What is older is not taken any more.
    pub retained_from: Timestamp,
    /// Endpoints that are counted by name, for each client and day.
    pub max_endpoints: usize,
    pub cursors: HashMap<StreamId, u64>,
    pub last_used: HashMap<KeyId, Timestamp>,
    pub last_access: HashMap<ClientId, Timestamp>,
    pub changes: Vec<Change>,
    pub tombstones: HashSet<Fingerprint>,
    pub set_aside: Vec<KeptAside>,
    pub set_aside_ever: u64,
    pub used_tickets: HashMap<TicketId, Timestamp>,
    pub acts: Vec<Entry>,
    pub acts_ever: u64,
    pub switches: Switches,
}

impl Default for State {
    fn default() -> Self {
        Self {
            clients: BTreeMap::new(),
            keys: HashMap::new(),
            rows: BTreeMap::new(),
            counted: Vec::new(),
            retained_from: Timestamp::EPOCH,
            max_endpoints: DEFAULT_MAX_ENDPOINTS,
            cursors: HashMap::new(),
            set_aside: Vec::new(),
            set_aside_ever: 0,
            used_tickets: HashMap::new(),
            last_used: HashMap::new(),
            last_access: HashMap::new(),
            changes: Vec::new(),
            tombstones: HashSet::new(),
            acts: Vec::new(),
            acts_ever: 0,
            switches: Switches::default(),
        }
    }
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

    /// Whether there is a row of an activity.
    pub(crate) fn has(&self, activity: &Activity) -> bool {
        self.state().rows.contains_key(&(activity.client.clone(), activity.at, activity.id))
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
