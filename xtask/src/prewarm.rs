//! `cargo xtask prewarm`: the server binary's own `prewarm`, which is what production uses too.

use std::process::Command;

use crate::{
    process::{self, Outcome},
    run,
};

/// Ends with the exit code of the binary.
pub fn prewarm() -> Outcome {
    process::exec(Command::new(run::build()?).arg("prewarm"))
}
