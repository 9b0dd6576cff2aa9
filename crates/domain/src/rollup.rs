//! Counting: tallies that merge, blocks of them, and the delta that a batch adds.
//!
//! | File | Holds |
//! |---|---|
//! | this module | [`Tally`]: what is counted about a set of activities |
//! | `summary` | [`Summary`]: what an answer states of it |
//! | `profile` | [`Profile`]: what a block keeps, by status class and method |
//! | `parts` | [`Parts`]: its sums, ready for answers |
//! | `delta` | [`Delta`]: what a batch adds, with its stored form |

use crate::activity::Activity;
use crate::sketch::Sketch;
use crate::time::Timestamp;

mod delta;
mod parts;
mod profile;
mod summary;

pub use delta::{Counting, Delta, EndpointKey};
pub use parts::Parts;
pub use profile::{Cell, Profile};
pub use summary::Summary;

/// What is counted about a set of activities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there are.
    pub requests: u64,
    /// How many have a status of 400 or more.
    pub errors: u64,
    /// How many have a response time.
    pub timed: u64,
    /// The sum of the response times in microseconds.
    pub micros: u64,
    /// The latest event time.
    pub last_seen: Option<Timestamp>,
    /// The distribution of the response times.
    pub sketch: Sketch,
}

impl Tally {
    /// Counts one activity.
    pub fn add(&mut self, activity: &Activity) {
        self.requests += 1;
        self.errors += u64::from(activity.status.is_error());
        self.last_seen = self.last_seen.max(Some(activity.at));
        if let Some(took) = activity.response_time {
            self.timed += 1;
            self.micros += took.as_micros();
            self.sketch.add(took.as_micros());
        }
    }

    /// Counts everything that another tally counted.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.timed += other.timed;
        self.micros += other.micros;
        self.last_seen = self.last_seen.max(other.last_seen);
        self.sketch.merge(&other.sketch);
    }

    /// Takes away what another tally counted, which has to be a part of this one. The latest event time
    /// stays, because what is left may be older.
    pub fn subtract(&mut self, part: &Self) {
        self.requests = self.requests.saturating_sub(part.requests);
        self.errors = self.errors.saturating_sub(part.errors);
        self.timed = self.timed.saturating_sub(part.timed);
        self.micros = self.micros.saturating_sub(part.micros);
        self.sketch.subtract(&part.sketch);
    }
}

/// A store's own short number for a client; it means nothing outside that store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNo(pub u64);

impl ClientNo {
    /// Stands for all clients together: their sum is kept like a client's, so that a question about
    /// everybody costs no more than one about a single client.
    pub const EVERYBODY: Self = Self(0);
}
