//! The embedded durable store: what a newcomer runs, and what one machine may keep running.
//!
//! | Module | Holds |
//! |---|---|
//! | [`store`] | one writer, a few readers, and how closures run on them |
//! | [`migrations`] | the schema's versions |
//! | `clients`, `limits`, `accounts` | `ClientRepo`: clients; their limits; their keys, changes and use |
//! | `changes` | which clients changed |
//! | `acts` | `ActLog`: what admins did |
//! | `emails` | emails, sealed |
//! | `erase`, `scrub` | what goes when a client is erased; old copies of it in unused bytes of pages |
//! | `sink`, `row`, `body` | `ActivitySink`: the one transaction that makes an activity count |
//! | `set_aside`, `tickets` | `SetAsideRepo`, `TicketRepo` |
//! | `resealing` | `SealedStore`: another encryption key for what is sealed |
//! | `compactor`, `block`, `merging`, `retention` | `Upkeep`: deltas into blocks, and how long raw rows are kept |
//! | `usage`, `series`, `endpoints`, `pending` | `UsageRepo`: blocks and deltas from one snapshot |
//! | `log`, `whereabouts` | `UsageRepo`: raw rows, and where a client's are |
//! | `recount` | counting raw rows again after a migration |
//! | `numbers`, `endpoint_names` | short numbers for clients and endpoints |
//! | `schema`, `error` | tables as diesel knows them; errors in the domain's terms |

mod accounts;
mod acts;
mod block;
mod blocks;
mod body;
mod changes;
mod clients;
mod compactor;
mod converting;
mod emails;
mod endpoint_names;
mod endpoints;
mod erase;
mod error;
mod limits;
mod log;
mod merging;
pub mod migrations;
mod numbers;
mod page;
mod pending;
mod recount;
mod resealing;
mod retention;
mod row;
mod schema;
mod scrub;
mod series;
mod set_aside;
mod sink;
pub mod store;
mod tickets;
mod usage;
mod whereabouts;

pub use store::{Options, SqliteStore};
