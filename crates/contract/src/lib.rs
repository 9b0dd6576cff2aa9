//! The laws of every port, run by every adapter.
//!
//! A law is an async function that is named after what it demands and panics where an adapter breaks it.
//! An adapter says how to get an empty store, and [`laws!`] makes one test of each law. In `tests/laws.rs`:
//!
//! ```ignore
//! use activity_contract::Stores;
//!
//! async fn fresh() -> Stores {
//!     let dir = tempfile::tempdir().unwrap();
//!     let store = SomeStore::open(&dir.path().join("db")).await.unwrap();
//!     Stores::of(store, dir)
//! }
//!
//! activity_contract::laws!(fresh);
//! ```
//!
//! A stack of adapters (a cache over a store, say) fills in [`Stores`] by hand and runs the same laws.
//!
//! # Map
//!
//! | Module | Holds |
//! |---|---|
//! | [`clients`], [`keys`], [`changes`] | laws of `ClientRepo`: found, managed, followed |
//! | [`acts`] | laws of `ActLog`, and of what signed repositories write into it |
//! | [`erase`], [`erasures`] | laws of erasing, over all ports; by example and by property |
//! | [`sink`], [`retries`] | laws of `ActivitySink`: what is counted, and what is not counted twice |
//! | [`usage`], [`upkeep`] | laws of `UsageRepo` and `Upkeep`, by example |
//! | [`recounted`], [`over_time`], [`log`] | by property: any history, any question, against a recount |
//! | [`hygiene`], [`retention`] | how many endpoints have names, how long raw rows are kept |
//! | [`set_aside`], [`tickets`] | laws of `SetAsideRepo` and `TicketRepo` |
//! | [`limiter`] | laws of `RateLimiter`, with a harness of their own: [`limiter_laws!`] |
//! | [`cache`] | laws of `UsageCache`, likewise: [`cache_laws!`] |
//! | [`feed`] | laws of `LiveFeed`, likewise: [`feed_laws!`] |
//! | [`late`] | laws of `LateFeed`: [`late_laws!`] |
//! | [`cached`] | laws of a store with a cache in front of it: [`cached_laws!`] |
//! | `recount`, `history`, `property` | the recount, the histories, how they are generated and run |
//! | [`make`] | values for tests, for adapters' own too |
//!
//! To add a law: write the function and name it in `laws.rs`; every adapter has to keep it from then on.
//!
//! What a port cannot show is not a law: which rows a store refuses, and that it keeps them, is tested
//! by each adapter.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "laws are tests that happen to live in a library: a broken one panics"
)]

use std::any::Any;
use std::sync::Arc;

use activity_domain::port::{ActLog, ActivitySink, ClientRepo, SetAsideRepo, TicketRepo, Upkeep, UsageRepo};
use async_trait::async_trait;

pub mod acts;
mod ask;
pub mod cache;
pub mod cached;
pub mod changes;
pub mod clients;
pub mod erase;
pub mod erasures;
pub mod feed;
mod history;
pub mod hygiene;
pub mod keys;
pub mod late;
mod laws;
pub mod limiter;
pub mod log;
pub mod make;
pub mod over_time;
mod property;
mod recount;
pub mod recounted;
pub mod retention;
pub mod retries;
pub mod set_aside;
pub mod sink;
pub mod tickets;
pub mod upkeep;
pub mod usage;

/// The ports of one store (or stack of them), and what keeps it alive.
pub struct Stores {
    /// Clients and keys.
    pub clients: Arc<dyn ClientRepo>,
    /// Where activities go.
    pub sink: Arc<dyn ActivitySink>,
    /// Where answers come from.
    pub usage: Arc<dyn UsageRepo>,
    /// Housekeeping.
    pub upkeep: Arc<dyn Upkeep>,
    /// What the sink could not store.
    pub set_aside: Arc<dyn SetAsideRepo>,
    /// Tickets that were used.
    pub tickets: Arc<dyn TicketRepo>,
    /// What admins did.
    pub acts: Arc<dyn ActLog>,
    /// Cleans up when dropped, after the ports: a temporary folder, a server of its own.
    pub guard: Box<dyn Any + Send>,
}

impl Stores {
    /// The ports of a store that implements all of them.
    pub fn of<S>(store: S, guard: impl Any + Send) -> Self
    where
        S: ClientRepo + ActivitySink + UsageRepo + Upkeep + SetAsideRepo + TicketRepo + ActLog + 'static,
    {
        let store = Arc::new(store);
        Self {
            clients: store.clone(),
            sink: store.clone(),
            usage: store.clone(),
            upkeep: store.clone(),
            set_aside: store.clone(),
            tickets: store.clone(),
            acts: store,
            guard: Box::new(guard),
        }
    }
}

/// Gives laws their stores.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A store with nothing in it, which shares nothing with the others.
    async fn fresh(&self) -> Stores;
}

/// An `async fn fresh() -> Stores` is all that most adapters need.
#[async_trait]
impl<F, Made> Harness for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = Stores> + Send + 'static,
{
    async fn fresh(&self) -> Stores {
        self().await
    }
}

/// Runs one law on a runtime of its own, with several threads, so that what is concurrent in a law
/// really is.
pub fn run(law: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(law);
}
