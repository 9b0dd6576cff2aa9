//! Live streams: what Server-Sent Events and connections by WebSocket share, and each of the two.
//!
//! | Module | Holds |
//! |---|---|
//! | this module | [`Live`], what streams need of the process |
//! | [`wish`] | what is asked for: channels, whose events, which, from where on |
//! | [`seats`] | how many streams there may be |
//! | [`warden`] | ends streams of callers who may not listen any more |
//! | [`topics`], [`snapshots`] | usage and limits as they are now, computed once for all who listen |
//! | [`reading`] | a subscription: events and snapshots, in the order in which they come |
//! | [`sse`] | a stream of Server-Sent Events |
//! | [`socket`], [`incoming`], [`window`], [`talk`] | a WebSocket: its connection, what comes in, how much may be on its way out, its messages |

use std::sync::Arc;

use activity_domain::port::{Clock, LiveFeed};
use activity_domain::service::{Access, Limits, Usage};

pub mod incoming;
pub mod reading;
pub mod seats;
pub mod snapshots;
pub mod socket;
pub mod sse;
pub mod talk;
pub mod topics;
pub mod warden;
pub mod window;
pub mod wish;

use seats::{Seats, StreamLimits};
use snapshots::Snapshots;
use topics::Topics;
use warden::Warden;

/// What the streams of a process need. One for all workers.
pub struct Live {
    /// Where events come from.
    pub feed: Arc<dyn LiveFeed>,
    /// How many streams there may be.
    pub seats: Seats,
    /// Who may go on listening.
    pub warden: Arc<Warden>,
    /// What usage is now.
    pub topics: Topics,
    /// Who is there, for those who ask for another's.
    pub access: Arc<Access>,
    /// Asking for a stream is reading.
    pub limits: Arc<Limits>,
}

impl Live {
    /// Streams over a feed. The warden hears of changes from `access`.
    pub fn new(
        feed: Arc<dyn LiveFeed>,
        access: Arc<Access>,
        usage: Arc<Usage>,
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        most: StreamLimits,
    ) -> Self {
        let warden = Arc::new(Warden::new(access.clone(), clock.clone()));
        access.watched_by(warden.clone());
        let snapshots = Snapshots::new(access.clone(), usage, limits.clone(), clock);
        let topics = Topics::new(feed.clone(), snapshots);
        Self { feed, seats: Seats::new(most), warden, topics, access, limits }
    }

    /// Ends all streams, so that their readers go elsewhere.
    pub fn close(&self) {
        self.warden.close();
    }
}
