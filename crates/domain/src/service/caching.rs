//! Usage with a cache in front of it.
//!
//! | Here | Holds |
//! |---|---|
//! | `usage` | [`CachedUsage`]: answers from the cache where it has them, else from the store |
//! | `assembly` | a page of days, put together from both |
//! | `following` | [`Following`]: what other instances store makes the cache forget |
//! | `sink` | [`ForgettingSink`]: what is stored makes the cache forget |
//! | `prewarm` | [`Prewarm`]: answers computed before they are asked for |

mod assembly;
mod following;
mod prewarm;
mod sink;
mod usage;

pub use following::{Following, Stamp};
pub use prewarm::{Prewarm, PrewarmRun};
pub use sink::ForgettingSink;
pub use usage::{CachePolicy, CachedUsage};
