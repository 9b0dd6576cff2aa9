//! The benchmarks of the whole server, as `cargo xtask bench [SCENARIO...] [--quick]`.
//!
//! Absolute numbers say as much about the machine as about the program. So everything here is measured
//! beside a baseline, in the same run, in turns, and what counts is the ratio of the two.
//!
//! | Module | Holds |
//! |---|---|
//! | `scenario` | what is measured: `ingest-1`, `ingest-100`, `store`, `postgres`, `import`, `read`, `limits`, `verify`, `streams`, `views`, `cache`, `footprint` |
//! | `tracker`, `process` | the real server, as a process of its own with a folder of its own |
//! | `bare` | the baseline of `ingest-*` and `verify`: a handler that does nothing, in a process of its own |
//! | `bare_insert` | the baseline of `store` and `import`: rows into the same table, and nothing else |
//! | `http`, `load`, `template` | a client that costs little, and many of them at once |
//! | `readers` | many readers of live streams |
//! | `rows` | activities from a seed |
//! | `report`, `machine` | the table at the end, and what it was measured on |
//! | `options` | the command line |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to its terminal")]

mod bare;
mod bare_insert;
mod http;
mod load;
mod machine;
mod options;
mod process;
mod readers;
mod report;
mod rows;
mod scenario;
mod storage;
mod template;
mod tracker;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::Options;
use crate::report::Line;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = if options.bare_server {
        bare::serve()
    } else if options.bench {
        measure(&options)
    } else {
        // `cargo test --all-targets` runs benchmarks too, to see that they start.
        eprintln!("nothing is measured without --bench, which `cargo bench` passes");
        Ok(())
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("bench").enable_all().build()?;
    let machine = machine::describe()?;
    let done = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        // Whichever ends first, what is dropped takes its processes and folders with it.
        tokio::select! {
            lines = all(options) => Ok(lines),
            _ = terminate.recv() => Err("terminated".into()),
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    });
    // A thread that is still inserting rows need not be waited for.
    runtime.shutdown_background();
    let (lines, failed): (Vec<Line>, usize) = done.and_then(|done: Outcome<_>| done)?;
    println!("{}\n{machine}", report::table(&lines));
    if failed == 0 { Ok(()) } else { Err(format!("{failed} scenario(s) failed").into()) }
}

/// Runs the chosen scenarios one after the other. One that fails does not take the others with it.
async fn all(options: &Options) -> Outcome<(Vec<Line>, usize)> {
    let (mut lines, mut failed) = (Vec::new(), 0);
    for scenario in options.chosen() {
        eprintln!("{scenario}");
        match scenario::run(scenario, options).await {
            Ok(more) => lines.extend(more),
            Err(error) => {
                eprintln!("{scenario}: {error}");
                failed += 1;
                lines.push(Line::note(scenario, &format!("**failed**: {error}")));
            }
        }
    }
    Ok((lines, failed))
}
