//! The store for several instances, on `PostgreSQL`.
//!
//! | Module | Holds |
//! |---|---|
//! | [`options`], `tls`, `pools` | where the database is; connections to it |
//! | `breaker`, [`counts`] | what is not asked while the primary is lost; numbers about all that |
//! | `contact`, `readiness`, [`store`] | first contact, made once; how work runs |
//! | [`fingerprints`] | secrets that all instances have to share |
//! | [`ailment`], `condition` | what may be wrong with a server |
//! | `replicas` | which of them are asked, and when |
//! | [`migrations`] | the schema's versions |
//! | `clients`, `limits`, `accounts` | `ClientRepo`: clients; their limits; their keys, changes and use |
//! | `changes` | which clients changed |
//! | `acts` | `ActLog`: what admins did |
//! | `late` | `LateFeed`: what changed where it was taken for closed |
//! | `emails` | emails, sealed |
//! | `erase` | what goes when a client is erased |
//! | `sink`, `batch`, `rows`, `days` | `ActivitySink`: the one transaction that makes an activity count; partitions |
//! | `set_aside`, `tickets` | `SetAsideRepo`, `TicketRepo` |
//! | `resealing` | `SealedStore`: another encryption key for what is sealed |
//! | `compactor`, `blocks`, `pages`, `page`, `endpoint_blocks`, `retention` | `Upkeep`: deltas into blocks; how long raw rows are kept |
//! | `usage`, `daily`, `totals`, `series`, `endpoints`, `pending` | `UsageRepo`: blocks and deltas from one snapshot |
//! | `log`, `log_row`, `trails`, `whereabouts` | `UsageRepo`: raw rows, their trails, and the days that have some |
//! | `numbers`, `endpoint_names` | short numbers for clients and endpoints |
//! | [`original`] | the tables of the original service, for an import |
//! | `locks`, `statement` | locks over all instances; statements that are prepared once |
//! | `schema`, `error` | tables as diesel knows them; errors in the domain's terms |

mod accounts;
mod acts;
pub mod ailment;
mod batch;
mod blocks;
mod breaker;
mod changes;
mod clients;
mod compactor;
mod condition;
mod contact;
pub mod counts;
mod daily;
mod days;
mod emails;
mod endpoint_blocks;
mod endpoint_names;
mod endpoints;
mod erase;
mod error;
pub mod fingerprints;
mod late;
mod limits;
mod locks;
mod log;
mod log_row;
pub mod migrations;
mod novelty;
mod numbers;
pub mod options;
pub mod original;
mod page;
mod pages;
mod pending;
mod pools;
mod readiness;
mod replicas;
mod resealing;
mod retention;
mod rows;
mod schema;
mod series;
mod set_aside;
mod sink;
mod statement;
pub mod store;
mod tickets;
mod tls;
mod totals;
mod trails;
mod usage;
mod whereabouts;

pub use ailment::Ailment;
pub use counts::Counts;
pub use fingerprints::Fingerprint;
pub use options::{Options, Server};
pub use pools::PoolState;
pub use replicas::ReplicaState;
pub use store::PostgresStore;
