//! What changes is told to those who wait for hints.
//!
//! | Here | Holds |
//! |---|---|
//! | `clients` | [`TellingClients`]: that clients or keys changed |
//! | `sink` | [`TellingSink`]: that usage changed |

mod clients;
mod sink;

pub use clients::TellingClients;
pub use sink::TellingSink;
