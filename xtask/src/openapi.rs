//! `cargo xtask openapi`: the OpenAPI document as the server prints it, checked by a validator that shares no
//! code with it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use crate::{
    needs,
    process::{self, Outcome},
    workspace,
};

/// The validator, pinned so that a new release of it does not break a build that did not change.
const VALIDATOR: &str = "openapi-spec-validator==0.7.2";

/// What to do with the document. Without options it is printed.
#[derive(Debug, Args)]
pub struct Options {
    /// Validate it
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// Save it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Prints, checks or saves the document.
pub fn openapi(options: &Options) -> Outcome {
    if options.check {
        return check();
    }
    let document = document()?;
    match &options.write {
        Some(file) => save(file, &document),
        None => Ok(io::stdout().write_all(&document)?),
    }
}

/// Validates the document that the server prints now.
pub fn check() -> Outcome {
    let target = workspace::metadata()?.target_directory.into_std_path_buf();
    let file = target.join("openapi.json");
    save(&file, &document()?)?;
    let python = validator(&target.join("openapi-venv"))?;
    process::run(Command::new(python).args(["-m", "openapi_spec_validator"]).arg(file))
}

/// The server prints the document without configuration or database.
fn document() -> Outcome<Vec<u8>> {
    let mut command = process::cargo();
    command.args(["run", "--package", "activity-server", "--quiet", "--", "openapi"]);
    let document = process::capture(command.current_dir(workspace::root()))?;
    if document.is_empty() { Err("the server printed no document".into()) } else { Ok(document) }
}

/// The Python that has the validator installed, in a virtual environment of its own.
fn validator(venv: &Path) -> Outcome<PathBuf> {
    let python = venv.join("bin/python");
    // Written last: an installation that broke off, or one of another version, is done again.
    let receipt = venv.join("installed");
    if python.is_file() && fs::read_to_string(&receipt).is_ok_and(|installed| installed == VALIDATOR) {
        return Ok(python);
    }
    needs::ensure("python3", "python3-venv")?;
    // Debian ships python3 without the part of venv that installs pip.
    let has_venv = || process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]));
    needs::ensure_that("the venv module of python3", has_venv, "python3-venv")?;
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
    process::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", VALIDATOR]))?;
    save(&receipt, VALIDATOR.as_bytes())?;
    Ok(python)
}

fn save(file: &Path, content: &[u8]) -> Outcome {
    fs::write(file, content).map_err(|error| format!("cannot write {}: {error}", file.display()).into())
}
