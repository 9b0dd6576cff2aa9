//! The activity tracker without its machinery: types, ports and use cases.
//!
//! Nothing in here knows a runtime, a database or HTTP. Time and randomness are parameters.
//!
//! # Map
//!
//! | Module | Holds |
//! |---|---|
//! | [`id`], [`client`], [`key`], [`activity`] | what is recorded, and who records it; parsed types, a newtype for every id |
//! | [`hygiene`] | what of an activity is counted apart: endpoint templates, methods, status classes |
//! | [`act`] | what admins did |
//! | [`audit`], [`redact`] | headers and bodies, sealed; our own credentials in text, taken out |
//! | [`address`], [`digest`] | how much of a caller's address is kept; digests that take a key |
//! | [`time`], [`span`] | instants, time zones, and how a range is covered by blocks of rollups |
//! | [`sketch`], [`rollup`] | counting: latency sketches that merge, tallies, the delta of a batch |
//! | [`usage`] | the questions about usage and their answers |
//! | [`cache`] | what a cache of usage holds, and what makes it wrong |
//! | [`limit`] | how much a subject may do in any window, and how it is counted |
//! | [`counting`] | what parts count of what they do |
//! | [`live`] | events as they happen: who sees which, and how far a reader has come |
//! | [`port`] | what the use cases need from the outside; adapters implement it |
//! | [`service`] | the use cases over those ports |
//!
//! # The path of an activity
//!
//! 1. A driving adapter (HTTP, the importer) parses bytes into an [`activity::Activity`]; what does not
//!    parse is refused with the name of the field. [`service::Access`] says who is calling.
//! 2. [`port::Recorder`] makes it durable. Once `record` has returned, the caller may be told 202.
//! 3. The drainer takes what is durable in order and hands it to [`port::ActivitySink`], again and
//!    again until the sink has it; the stream's cursor makes a repeated batch a no-op.
//! 4. The sink stores raw rows and the [`rollup::Delta`] of the fresh ones in one transaction.
//! 5. [`port::Upkeep::compact`] folds deltas into blocks. [`port::UsageRepo`] reads blocks and deltas
//!    from one snapshot, so that an answer never depends on how far compaction has come.
//!
//! The law over all of it: **blocks + deltas = distinct raw rows**, at every instant.

pub mod act;
pub mod activity;
pub mod address;
pub mod audit;
pub mod cache;
pub mod client;
pub mod counting;
pub mod digest;
pub mod error;
pub mod hygiene;
pub mod id;
pub mod key;
pub mod limit;
pub mod live;
pub mod port;
pub mod redact;
pub mod rollup;
pub mod service;
pub mod sketch;
pub mod span;
pub mod time;
pub mod usage;
