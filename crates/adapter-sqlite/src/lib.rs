//! The embedded durable store: what a newcomer runs, and what one machine may keep running.
//!
//! | Module | Holds |
//! |---|---|
//! | [`store`] | one writer, a few readers, and how closures run on them |
//! | [`migrations`] | the schema's versions |
//! | `clients`, `limits` | `ClientRepo` |
//! | `sink`, `row` | `ActivitySink`: the one transaction that makes an activity count |
//! | `compactor`, `block` | `Upkeep`: deltas into blocks |
//! | `usage` | `UsageRepo`: blocks and deltas from one snapshot |
//! | `numbers` | short numbers for clients |
//! | `schema`, `error` | tables as diesel knows them; errors in the domain's terms |

mod block;
mod clients;
mod compactor;
mod error;
mod limits;
pub mod migrations;
mod numbers;
mod row;
mod schema;
mod sink;
pub mod store;
mod usage;

pub use store::SqliteStore;
