//! `cargo xtask migrate`: the server binary's own `migrate`, which is what production uses too.

use std::ffi::OsString;

use crate::process::{self, Outcome};

/// Passes everything on and ends with the exit code of the binary.
pub fn migrate(args: Vec<OsString>) -> Outcome {
    let mut command = process::cargo();
    command.args(["run", "--package", "activity-server", "--", "migrate"]).args(args);
    process::exec(&mut command)
}
