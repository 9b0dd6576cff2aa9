//! What settings are read from.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Everything outside that settings depend on; tests make their own.
pub struct Sources {
    /// The folder that holds `activity-tracker.toml` and `.env`, and in which relative paths start.
    pub dir: PathBuf,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Whether the log goes to a terminal.
    pub is_terminal: bool,
}

impl Sources {
    /// Those of this process.
    pub fn from_process() -> io::Result<Self> {
        // What is not UTF-8 becomes U+FFFD here and is refused where a setting has it as its value.
        let env = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        Ok(Self {
            dir: std::env::current_dir()?,
            env: env.collect(),
            is_terminal: io::stderr().is_terminal(),
        })
    }
}
