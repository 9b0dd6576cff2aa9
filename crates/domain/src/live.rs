//! What happens just now: events as they are published, who sees which, and how far a reader has come.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | [`LiveEvent`], and what a reader is told |
//! | `filter` | [`Scope`] and [`Filter`]: which events a reader sees |
//! | `place` | [`Place`]: how far a reader has come, as text that it brings along when it comes back |
//! | `hint` | [`Hint`]: something changed, whatever it is now |
//!
//! # Numbers
//!
//! Whoever publishes is a [`SourceId`], and numbers its events from 1 on without a gap, in the order in which
//! they became durable: once for everybody, and once for each client. So whoever sees events of all clients, or
//! of one, knows by the numbers how many of those it has not seen, and nobody learns from them how much others
//! call. A source that loses count is not used again: another one takes its place.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::activity::{Activity, Metadata, Text};
use crate::hygiene::Template;

mod filter;
mod hint;
mod place;

pub use filter::{Filter, Scope, StatusFilter};
pub use hint::{About, Hint};
pub use place::Place;

/// One who publishes, from a start of its program on until it has lost count. Drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u64);

/// What an event takes besides its texts, shown once: a bound on memory need not be exact.
const OVERHEAD: usize = 768;

/// An activity that was just accepted. Readers share it.
#[derive(Debug)]
pub struct LiveEvent {
    /// Who published it.
    pub source: SourceId,
    /// Which of the source's events it is, from 1 on.
    pub number: u64,
    /// Which of the source's events of its client it is, from 1 on.
    pub own: u64,
    /// The activity, without its audit trail.
    pub activity: Activity,
    /// Its endpoint without ids.
    pub template: Template,
    shown: OnceLock<Bytes>,
}

impl LiveEvent {
    /// An event. Its audit trail is not for readers, and is dropped.
    pub fn new(source: SourceId, number: u64, own: u64, activity: Activity) -> Self {
        let activity = Activity { audit: None, ..activity };
        let template = Template::of(&activity.endpoint);
        Self { source, number, own, activity, template, shown: OnceLock::new() }
    }

    /// Its number as a scope counts.
    pub fn number_in(&self, scope: &Scope) -> u64 {
        match scope {
            Scope::Everybody => self.number,
            Scope::Client(_) => self.own,
        }
    }

    /// How it is shown. The first who asks makes that, for all.
    pub fn shown(&self, make: impl FnOnce(&Activity) -> Bytes) -> &Bytes {
        self.shown.get_or_init(|| make(&self.activity))
    }

    /// About how many bytes it takes, shown once.
    pub fn weight(&self) -> usize {
        let activity = &self.activity;
        let texts = activity.endpoint.as_str().len()
            + self.template.as_str().len()
            + activity.user_agent.as_ref().map_or(0, |text| Text::as_str(text).len())
            + activity.error_message.as_ref().map_or(0, |text| Text::as_str(text).len())
            + activity.metadata.as_ref().map_or(0, |object| Metadata::as_str(object).len());
        2 * texts + OVERHEAD
    }
}

/// What a reader is told next.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// An event that it sees.
    Event(Arc<LiveEvent>),
    /// Before what comes next, it missed some.
    Lagged(Missed),
}

/// How many events of a reader's scope it missed. Where the reader has a filter and they are not known any more,
/// that may be more than it would have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// So many, at least.
    pub events: u64,
    /// Whether they are exactly so many. If not, somebody who published is gone, or has lost count, and nobody
    /// knows what it did last.
    pub is_exact: bool,
}

impl Missed {
    /// None.
    pub const NONE: Self = Self::exactly(0);

    /// Perhaps some.
    pub const UNKNOWN: Self = Self { events: 0, is_exact: false };

    /// So many.
    pub const fn exactly(events: u64) -> Self {
        Self { events, is_exact: true }
    }

    /// Whether nothing was missed.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// These and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { events: self.events + other.events, is_exact: self.is_exact && other.is_exact }
    }
}

/// How a feed does, since the start unless it says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// Events published here.
    pub published: u64,
    /// Events accepted here that could not be published, because too much was waiting.
    pub skipped: u64,
    /// Events that came from other instances.
    pub received: u64,
    /// Events of other instances that did not come, as far as is known.
    pub lost: u64,
    /// Events, hints and signs of life that did not get to other instances, as far as is known.
    pub unsent: u64,
    /// Events that readers were too slow for, summed up over readers.
    pub lagged: u64,
    /// Readers at present.
    pub readers: u64,
    /// Events at present that are kept for readers who come back.
    pub kept: u64,
}
