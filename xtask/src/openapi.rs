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
    process::{self, Outcome},
    python, workspace,
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
    let python = python::with("openapi-venv", &[VALIDATOR])?;
    process::run(Command::new(python).args(["-m", "openapi_spec_validator"]).arg(file))
}

/// The server prints the document without configuration or database.
fn document() -> Outcome<Vec<u8>> {
    let mut command = process::cargo();
    command.args(["run", "--package", "activity-server", "--quiet", "--", "openapi"]);
    let document = process::capture(command.current_dir(workspace::root()))?;
    if document.is_empty() { Err("the server printed no document".into()) } else { Ok(document) }
}

fn save(file: &Path, content: &[u8]) -> Outcome {
    fs::write(file, content).map_err(|error| format!("cannot write {}: {error}", file.display()).into())
}
