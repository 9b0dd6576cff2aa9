//! The reference model of every port: the most obvious code there is, in memory.
//!
//! Other adapters are judged by the laws in `activity-contract`; this one shows what the laws mean, and
//! is the store that tests of other crates run on. Simple beats fast: usage is recounted from raw rows
//! with every question, so there is nothing that could disagree with them. Nothing survives the process.
//!
//! | Module | Holds |
//! |---|---|
//! | [`store`] | [`MemoryStore`] and what tests may look at |
//! | [`switches`] | how a test makes the store fail, in ways that real stores fail |
//! | `clients`, `accounts`, `acts`, `sink`, `set_aside`, `tickets`, `usage`, `over_time` | the ports |
//! | [`late`] | a store that tells what changes late |
//! | [`limiter`] | the limiter of a single instance; unlike the rest it is fast, bounded and for production |
//! | [`cache`] | the cache of usage of a single instance, likewise |
//! | [`feed`] | the live feed of a single process, likewise |
//! | [`clock`], [`randomness`] | time and randomness that a test chooses |

mod accounts;
mod acts;
pub mod cache;
mod clients;
pub mod clock;
pub mod feed;
pub mod late;
pub mod limiter;
mod over_time;
pub mod randomness;
mod set_aside;
mod sink;
pub mod store;
pub mod switches;
mod tickets;
mod usage;

pub use cache::{CacheOptions, MemoryUsageCache};
pub use clock::ManualClock;
pub use feed::{FeedOptions, MemoryFeed};
pub use late::MemoryLateFeed;
pub use limiter::MemoryLimiter;
pub use randomness::SeededRandomness;
pub use store::MemoryStore;
pub use switches::Times;
