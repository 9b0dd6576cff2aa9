//! `cargo xtask prewarm`: the server binary's own `prewarm`, which is what production uses too.

use crate::process::{self, Outcome};

/// Ends with the exit code of the binary.
pub fn prewarm() -> Outcome {
    let mut command = process::cargo();
    command.args(["run", "--package", "activity-server", "--", "prewarm"]);
    process::exec(&mut command)
}
