//! `cargo xtask bench`: the benchmarks of the whole server, in release.

use std::ffi::OsString;

use crate::process::{self, Outcome};

/// Passes everything on to the benchmark program and ends with its exit code.
pub fn bench(args: Vec<OsString>) -> Outcome {
    let mut command = process::cargo();
    command.args(["bench", "--package", "activity-server", "--bench", "tracker", "--"]).args(args);
    process::exec(&mut command)
}
