//! What stops the reading of a log, as opposed to a line that is merely rejected.

use std::io;

use thiserror::Error;

/// Reading cannot go on. All lines that could be read before have been handed out.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened, or not even its first bytes be read.
    #[error("{name} cannot be opened: {source}")]
    Open {
        /// The file's path.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The file broke off or is damaged.
    #[error("{name} cannot be read beyond line {line}: {source}")]
    Read {
        /// The file's path.
        name: String,
        /// The last line that could be read; 0 for none.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The temporary file of [`crate::Occurrences`] failed; without exact counts ids would be wrong.
    #[error("equal lines cannot be counted, the temporary file fails: {source}")]
    Occurrences {
        /// Why.
        source: io::Error,
    },
}
