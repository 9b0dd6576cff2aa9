//! `cargo xtask migrate`: the server binary's own `migrate`, which is what production uses too.

use std::{ffi::OsString, process::Command};

use crate::{
    process::{self, Outcome},
    run,
};

/// Passes everything on and ends with the exit code of the binary.
pub fn migrate(args: Vec<OsString>) -> Outcome {
    process::exec(Command::new(run::build()?).arg("migrate").args(args))
}
