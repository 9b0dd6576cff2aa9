//! What the use cases need from the outside. Adapters implement these; the laws that each has to
//! keep are tests in the crate `contract`.
//!
//! | File | Ports |
//! |---|---|
//! | `system` | [`Clock`], [`Randomness`], [`Background`] |
//! | `ingest` | [`Recorder`], [`ActivitySink`] |
//! | `acts` | [`ActLog`] |
//! | `clients` | [`ClientRepo`] |
//! | `usage` | [`UsageRepo`] |
//! | `upkeep` | [`Upkeep`] |
//! | `limiter` | [`RateLimiter`] |
//! | `cache` | [`UsageCache`], [`Lease`] |
//! | `late` | [`LateFeed`] |
//! | `live` | [`LiveFeed`], [`LocalFeed`] |
//! | `set_aside` | [`SetAsideRepo`] |
//! | `tickets` | [`TicketRepo`] |
//! | `vault` | [`Vault`] |
//! | `resealing` | [`SealedStore`], [`Resealing`] |
//!
//! To add a port: one trait here, one reference implementation in `adapter-memory`, its laws in
//! `contract`, then the other adapters.

mod acts;
mod cache;
mod clients;
mod ingest;
mod late;
mod limiter;
mod live;
mod resealing;
mod set_aside;
mod system;
mod tickets;
mod upkeep;
mod usage;
mod vault;

pub use acts::ActLog;
pub use cache::{Filled, Lease, Lookup, UsageCache, Wait};
pub use clients::{Account, CHANGES_KEPT_SECONDS, Changes, ClientRepo, HeldKey, MAX_KEYS};
pub use ingest::{ActivitySink, Append, Appended, Batch, Receipt, Record, Recorder, SetAside};
pub use late::{Late, LateFeed};
pub use limiter::{LocalLimiter, RateLimiter};
pub use live::{Hints, LiveFeed, LocalFeed, News, Sign, Subscription};
pub use resealing::{Resealed, Resealing, SealedStore};
pub use set_aside::{KeptAside, SetAsideRepo};
pub use system::{Background, Clock, Randomness, Task};
pub use tickets::{TICKETS_KEPT_SECONDS, TicketRepo};
pub use upkeep::{Compacted, Purged, Retained, Upkeep};
pub use usage::UsageRepo;
pub use vault::Vault;

/// What a read has to see. The adapter decides which server can give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Everything that was written before.
    Latest,
    /// Perhaps not the last few seconds.
    Eventual,
}
