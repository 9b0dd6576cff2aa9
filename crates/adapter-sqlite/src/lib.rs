//! The embedded durable store: what a newcomer runs, and what one machine may keep running.
//!
//! | Module | Holds |
//! |---|---|
//! | [`store`] | one writer, a few readers, and how closures run on them |
//! | [`migrations`] | the schema's versions |
//! | `clients`, `accounts` | `ClientRepo`: clients; their keys, changes and use |
//! | `changes` | which clients changed |
//! | `erase`, `scrub` | what goes when a client is erased; old copies of it in unused bytes of pages |
//! | `sink`, `row` | `ActivitySink`: the one transaction that makes an activity count |
//! | `compactor`, `block` | `Upkeep`: deltas into blocks |
//! | `usage` | `UsageRepo`: blocks and deltas from one snapshot |
//! | `numbers` | short numbers for clients |
//! | `schema`, `error` | tables as diesel knows them; errors in the domain's terms |

mod accounts;
mod block;
mod changes;
mod clients;
mod compactor;
mod erase;
mod error;
pub mod migrations;
mod numbers;
mod row;
mod schema;
mod scrub;
mod sink;
pub mod store;
mod usage;

pub use store::SqliteStore;
