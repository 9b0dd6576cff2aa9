//! The command line, and how much is done because of it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};
use tempfile::TempDir;

use crate::Outcome;

/// Measures the server beside baselines. Without names, all scenarios run.
#[derive(Debug, Parser)]
pub struct Options {
    /// What to measure.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Short rounds: to see that it works, not to publish.
    #[arg(long)]
    pub quick: bool,
    /// Connections of the load generator, each with one request at a time.
    #[arg(long, default_value_t = 512, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub connections: usize,
    /// Threads of the load generator.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Length of a round of load in seconds: 5, or 1 with --quick.
    #[arg(long)]
    seconds: Option<f64>,
    /// Serve the baseline of `ingest-*` instead, until standard input ends: to hold another load
    /// generator against this one.
    #[arg(long)]
    pub bare_server: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// One event a request, over HTTP.
    #[value(name = "ingest-1")]
    IngestOne,
    /// A hundred events a request, over HTTP.
    #[value(name = "ingest-100")]
    IngestHundred,
    /// Rows into the store.
    Store,
    /// A web server's log into the store, by the subcommand.
    Import,
    /// Answers about usage, over HTTP, at three amounts of raw rows.
    Read,
    /// Decisions of the limiter, in process.
    Limits,
    /// A gateway's questions, over HTTP.
    Verify,
    /// Live streams, over HTTP.
    Streams,
    /// What the dashboard asks for, over HTTP, at two amounts of raw rows.
    Views,
    /// Size, memory and the time of a start.
    Footprint,
    /// Answers from the cache beside the same from the store, over HTTP.
    Cache,
    /// The same on Postgres, with a cache that is shared by Redis.
    RedisCache,
    /// Decisions of the limiter on Redis.
    RedisLimits,
    /// Rows into the store on Postgres.
    Postgres,
    /// A hundred events a request, over HTTP, into Postgres.
    PostgresIngest,
    /// Answers about usage from Postgres, over HTTP, at three amounts of raw rows.
    PostgresRead,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("?", |value| value.get_name()))
    }
}

impl Options {
    /// The scenarios to run.
    pub fn chosen(&self) -> Vec<Scenario> {
        if self.scenarios.is_empty() { Scenario::value_variants().to_vec() } else { self.scenarios.clone() }
    }

    /// The length of a round of load.
    pub fn round(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.quick { 1.0 } else { 5.0 }))
    }

    /// Numbers of the rounds, with a word on the terminal about each.
    pub fn rounds(&self, what: &str) -> impl Iterator<Item = usize> + use<> {
        let (rounds, what) = (self.rounds.max(1), what.to_owned());
        (1..=rounds).inspect(move |round| eprintln!("  {what}: round {round} of {rounds}"))
    }
}

/// A new folder on the disk that the build is on: a temporary folder may be in memory, where nothing
/// that has to be durable costs anything.
pub fn folder() -> Outcome<TempDir> {
    let parent = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?)
}
