//! The command line.

use clap::{Parser, Subcommand};

/// Who calls your API, how much, how fast and with what errors.
///
/// Settings come from activity-tracker.toml, .env and the environment; `config` shows them.
#[derive(Debug, Parser)]
#[command(name = "activity-tracker", version)]
pub struct Cli {
    /// What to do; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API.
    Serve,
    /// Bring the database to the newest schema, or show or take back versions.
    Migrate {
        /// `up` by default.
        #[command(subcommand)]
        action: Option<MigrateAction>,
    },
    /// Show the effective settings and where each comes from.
    Config,
    /// Print the OpenAPI document.
    Openapi,
}

/// What to do with the schema.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum MigrateAction {
    /// Apply what is missing.
    Up,
    /// Take the newest version back; what only it can hold is lost.
    Down,
    /// Show which versions there are and which are applied.
    Status,
}
