//! Reads web servers' access logs, in constant memory, into entries with stable ids.
//!
//! Pure: it knows the domain's types, and nothing of storage or HTTP. What becomes of an entry is the
//! importer's business.
//!
//! # Map
//!
//! | Module | Holds |
//! |---|---|
//! | [`format`] | the names of the formats |
//! | [`parser`] | one line -> one [`Entry`], with `clf` and `json` behind it |
//! | [`lines`] | bytes -> lines of bounded length |
//! | [`source`] | a file, plain or gzip, or standard input |
//! | [`occurrence`] | the id of a line: exact counts of equal lines in bounded memory |
//! | [`entries`] | all of the above in one loop |
//! | [`sample`] | makes logs, and the truth about them, for tests and benchmarks |
//!
//! # In one loop
//!
//! ```
//! use activity_access_log::{Entries, Format, Item, Occurrences, Source};
//!
//! # fn main() -> Result<(), activity_access_log::ReadError> {
//! let log = &b"192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 5\nnonsense\n"[..];
//! // One for the whole run, however many files it reads.
//! let mut occurrences = Occurrences::new(2_000_000);
//! let mut entries = Entries::new(Source::from_reader("example", log)?, Format::Auto);
//! let (mut good, mut bad) = (0, 0);
//! while let Some(item) = entries.next_item(&mut occurrences)? {
//!     match item {
//!         Item::Entry { .. } => good += 1,
//!         Item::Reject(reject) => {
//!             assert_eq!((reject.line, reject.raw), (2, &b"nonsense"[..]));
//!             bad += 1;
//!         }
//!     }
//! }
//! assert_eq!((good, bad), (1, 1));
//! # Ok(())
//! # }
//! ```

mod clf;
pub mod entries;
mod entry;
mod error;
mod fields;
pub mod format;
mod json;
pub mod lines;
pub mod occurrence;
pub mod parser;
mod request;
pub mod sample;
pub mod source;
mod spill;
mod time;

pub use entries::{Entries, Item, Reject};
pub use entry::Entry;
pub use error::ReadError;
pub use format::Format;
pub use lines::{Line, Lines, MAX_LINE_BYTES};
pub use occurrence::Occurrences;
pub use parser::Parser;
pub use source::{Progress, Source};
