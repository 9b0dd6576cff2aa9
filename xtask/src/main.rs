//! The project's chores, as `cargo xtask <chore>`. This file parses the command line and dispatches; every
//! chore has its own file.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod bench;
mod caddy;
mod ci;
mod clock;
mod cluster;
mod dashboard;
mod deploy;
mod faults;
mod fuzz;
mod fuzz_api;
mod migrate;
mod needs;
mod nginx;
mod openapi;
mod postgres;
mod prewarm;
mod process;
mod python;
mod redis;
mod run;
mod services;
mod steps;
mod test;
mod tidy;
mod websocket;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The project's chores", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
enum Chore {
    /// Build the dashboard and the server in release, and become it (`serve`, unless arguments say otherwise)
    Run(Rest),
    /// Build the server in release and become its `demo`: made-up traffic to look at
    Demo(Rest),
    /// Run the whole suite: tidy, tests, doc tests, the OpenAPI document
    Test(Rest),
    /// Run what must pass before a merge: formatting, clippy, then `test`
    Ci,
    /// Check the house rules: arrows between crates, module docs, file lengths, leftovers
    Tidy,
    /// Build the dashboard, where it has changed
    Dashboard(dashboard::Options),
    /// Print the OpenAPI document of the server, or check or save it
    Openapi(openapi::Options),
    /// Hold what reads a WebSocket against the cases of the Autobahn test suite
    Websocket,
    /// Check the files of `deploy/` with the tools that read them
    Deploy,
    /// Look at or change the database schema: status, up, down
    Migrate(Rest),
    /// Have the running server of `DATA_DIR` warm its cache
    Prewarm,
    /// Run the benchmarks in release
    Bench(Rest),
    /// Run the fault tables of Postgres and Redis in full: kills, outages, failovers, locks, full disks, wrong clocks, silence
    Faults(faults::Options),
    /// Run fuzz targets one after the other, on a nightly toolchain
    Fuzz(fuzz::Options),
    /// Send requests made from the OpenAPI document to a server, and look at every answer
    FuzzApi(fuzz_api::Options),
    /// Start, look at or end the topology of production on this machine
    #[command(subcommand)]
    Cluster(cluster::Act),
}

/// Arguments that go to the program behind a chore, with or without a `--` before them.
#[derive(Debug, Args)]
struct Rest {
    /// Passed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Hands a chore to the file that does it.
fn dispatch(chore: Chore) -> process::Outcome {
    match chore {
        Chore::Run(rest) => run::run(rest.args),
        Chore::Demo(rest) => run::run([vec!["demo".into()], rest.args].concat()),
        Chore::Test(rest) => test::test(rest.args),
        Chore::Ci => ci::ci(),
        Chore::Tidy => tidy::tidy(),
        Chore::Dashboard(options) => dashboard::dashboard(&options),
        Chore::Openapi(options) => openapi::openapi(&options),
        Chore::Websocket => websocket::websocket(),
        Chore::Deploy => deploy::check(),
        Chore::Migrate(rest) => migrate::migrate(rest.args),
        Chore::Prewarm => prewarm::prewarm(),
        Chore::Bench(rest) => bench::bench(rest.args),
        Chore::Faults(options) => faults::faults(&options),
        Chore::Fuzz(options) => fuzz::fuzz(&options),
        Chore::FuzzApi(options) => fuzz_api::fuzz_api(&options),
        Chore::Cluster(act) => cluster::cluster(&act),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(line: &[&str]) -> Vec<OsString> {
        match Cli::try_parse_from(line).expect("a legal line").chore {
            Chore::Run(rest) | Chore::Test(rest) | Chore::Migrate(rest) | Chore::Bench(rest) => rest.args,
            other => panic!("{other:?} takes no arguments"),
        }
    }

    #[test]
    fn arguments_pass_through_with_and_without_dashes() {
        assert_eq!(rest(&["xtask", "migrate", "up"]), ["up"]);
        assert_eq!(rest(&["xtask", "run", "--", "serve", "--port", "1"]), ["serve", "--port", "1"]);
        assert_eq!(rest(&["xtask", "run", "--", "--help"]), ["--help"]);
        assert!(rest(&["xtask", "bench"]).is_empty());
    }

    #[test]
    fn the_document_is_checked_or_written_not_both() {
        assert!(Cli::try_parse_from(["xtask", "openapi", "--check"]).is_ok());
        assert!(Cli::try_parse_from(["xtask", "openapi", "--write", "api.json"]).is_ok());
        assert!(Cli::try_parse_from(["xtask", "openapi", "--check", "--write", "api.json"]).is_err());
    }
}
