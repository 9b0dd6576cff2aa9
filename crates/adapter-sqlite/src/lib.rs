//! The embedded durable store: what a newcomer runs, and what one machine may keep running.
//!
//! | Module | Holds |
//! |---|---|
//! | [`store`] | one writer, a few readers, and how closures run on them |
//! | [`migrations`] | the schema's versions |
//! | `clients` | `ClientRepo` |
//! | `sink`, `row`, `body` | `ActivitySink`: the one transaction that makes an activity count |
//! | `set_aside` | `SetAsideRepo` |
//! | `compactor`, `block` | `Upkeep`: deltas into blocks |
//! | `usage` | `UsageRepo`: blocks and deltas from one snapshot |
//! | `numbers` | short numbers for clients |
//! | `schema`, `error` | tables as diesel knows them; errors in the domain's terms |

mod block;
mod body;
mod clients;
mod compactor;
mod error;
pub mod migrations;
mod numbers;
mod row;
mod schema;
mod set_aside;
mod sink;
pub mod store;
mod usage;

pub use store::SqliteStore;
