//! The binary `activity-tracker`: reads the configuration, wires adapters to ports, runs a subcommand.
//! Only this crate names adapters.

mod admin;
mod batches;
mod cli;
mod config;
mod contact;
mod demo;
mod follow;
mod health;
mod import;
mod late;
mod metrics;
mod migrate;
mod notify;
mod prewarm;
mod probe;
mod running;
mod schedule;
mod secrets;
mod serve;
mod settling;
mod system;
mod telemetry;
mod tls;
mod traces;
mod upkeep;
mod vault;
mod wire;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use tokio::runtime::Runtime;

use crate::cli::{AdminAction, Cli, Command, MigrateAction};
use crate::config::{ConfigError, Settings, Sources};
use crate::demo::Stage;
use crate::traces::Traces;

/// Requests, rows and segments are many small allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code for settings that cannot be, as in sysexits.h: to try again would not help.
const BAD_SETTINGS: u8 = 78;

fn main() -> ExitCode {
    // Whatever is made under DATA_DIR is for this user only.
    umask(Mode::from_raw_mode(0o077));
    allow_connections();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not be set up yet, and whoever starts the program has to read this.
            let _ = writeln!(std::io::stderr(), "activity-tracker: {error}");
            if error.is::<ConfigError>() { BAD_SETTINGS.into() } else { ExitCode::FAILURE }
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run(cli: Cli) -> Result<(), Failure> {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::Openapi = command {
        return print(&format!("{:#}", activity_http::app::document()));
    }
    let sources = Sources::from_process()?;
    if let Command::Demo(options) = command {
        let stage = Stage::set(options)?;
        let settings = Settings::load(&stage.sources(&sources))?;
        telemetry::init(&settings.log_level, settings.log_format, None)?;
        return finish(runtime()?, demo::run(&settings, &stage));
    }
    let settings = Settings::load(&sources)?;
    if let Command::Config = command {
        return print(&config::render(settings.describe()));
    }
    let runtime = runtime()?;
    let collector = settings.traces.as_ref().filter(|_| matches!(command, Command::Serve));
    let traces = collector.map(|collector| Traces::new(collector, runtime.handle())).transpose()?;
    telemetry::init(&settings.log_level, settings.log_format, traces.as_ref())?;
    finish(runtime, async {
        match command {
            Command::Serve => serve::run(&settings, traces.as_ref()).await,
            Command::Migrate { action } => migrate::run(&settings, action.unwrap_or(MigrateAction::Up)).await,
            Command::Admin { action } => admin::run(&settings, action).await,
            Command::Health => probe::run(&settings).await,
            Command::Prewarm => prewarm::by_hand(&settings).await,
            Command::Import(options) => import::run(&settings, options).await,
            Command::Drain(options) => admin::run(&settings, AdminAction::Drain(options)).await,
            Command::Config | Command::Demo(_) | Command::Openapi => Ok(()),
        }
    })
}

/// Takes as many open files as may be had: each connection is one, and a shell's usual 1,024 are few.
fn allow_connections() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where it is refused, what there is has to do; /metrics tells how much that is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn finish(runtime: Runtime, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let result = runtime.block_on(work);
    // A statement that still waits for a locked database must not hold up the end; what it does or
    // does not do is settled by the cursor at the next start.
    runtime.shutdown_background();
    result
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}
