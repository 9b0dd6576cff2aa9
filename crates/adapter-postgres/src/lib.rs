//! The store for several instances, on `PostgreSQL`.
//!
//! | Module | Holds |
//! |---|---|
//! | [`options`], `pools`, [`store`] | where the database is; connections; how work runs on them |
//! | [`migrations`] | the schema's versions |
//! | `clients`, `limits`, `accounts` | `ClientRepo`: clients; their limits; their keys, changes and use |
//! | `changes` | which clients changed |
//! | `erase` | what goes when a client is erased |
//! | `sink`, `rows`, `days` | `ActivitySink`: the one transaction that makes an activity count; partitions |
//! | `set_aside` | `SetAsideRepo` |
//! | `numbers` | short numbers for clients |
//! | `locks`, `statement` | locks over all instances; statements that are prepared once |
//! | `schema`, `error` | tables as diesel knows them; errors in the domain's terms |

mod accounts;
mod changes;
mod clients;
mod days;
mod erase;
mod error;
mod limits;
mod locks;
pub mod migrations;
mod numbers;
pub mod options;
mod pools;
mod rows;
mod schema;
mod set_aside;
mod sink;
mod statement;
pub mod store;

pub use options::{Options, Server};
pub use store::PostgresStore;
