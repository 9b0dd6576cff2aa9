//! Checkers that are written in Python, each set in a virtual environment of its own below `target`.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    needs,
    process::{self, Outcome},
    workspace,
};

/// The Python of the environment of this name, which has these packages installed. They name their versions, so that a new
/// release of one does not break a build that did not change.
pub fn with(environment: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let venv = workspace::metadata()?.target_directory.into_std_path_buf().join(environment);
    let python = venv.join("bin/python");
    // Written last: an installation that broke off, or one of other versions, is done again.
    let receipt = venv.join("installed");
    let wanted = packages.join("\n");
    if python.is_file() && fs::read_to_string(&receipt).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    needs::ensure("python3", "python3-venv")?;
    // Debian ships python3 without the part of venv that installs pip.
    let has_venv = || process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]));
    needs::ensure_that("the venv module of python3", has_venv, "python3-venv")?;
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    process::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    fs::write(&receipt, wanted).map_err(|error| format!("cannot write {}: {error}", receipt.display()))?;
    Ok(python)
}
