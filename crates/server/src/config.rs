//! Settings: where they come from, what they may be, and what is said when they do not fit.
//!
//! | File | Holds |
//! |---|---|
//! | `table` | every setting with its line of documentation and its default; the one list of names |
//! | `sources`, `dotenv`, `layers` | defaults < `activity-tracker.toml` < `.env` < environment |
//! | `parse`, `values`, `secret`, `encryption` | from text to types; what passes here needs no second check |
//! | `cache`, `database`, `redis`, `tls` | the settings of the cache, of Postgres, of Redis and of TLS, built likewise |
//! | `settings` | the result, built in one place |
//! | `describe`, `error` | what people get to read; a secret's characters never come this far |
//!
//! To add a setting: an entry in [`table`], a field in [`Settings`] and the line that reads it.

mod cache;
mod database;
mod describe;
mod dotenv;
mod encryption;
mod error;
mod layers;
mod parse;
mod reader;
mod redis;
mod secret;
mod settings;
mod sources;
mod table;
mod tls;
mod values;

#[cfg(test)]
mod tests;

pub use cache::CacheSettings;
pub use database::DatabaseSettings;
pub use describe::render;
pub use encryption::EncryptionKeys;
pub use error::ConfigError;
pub use secret::Secret;
pub use settings::Settings;
pub use sources::Sources;
pub use tls::TlsSettings;
pub use values::{AuditCapture, Collector, CorsOrigins, Host, IpPrivacy, LogFormat, LogLevel, Registration};
