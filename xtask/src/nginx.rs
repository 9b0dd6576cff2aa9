//! nginx, behind which several servers look like one. Only its program is needed.

use std::path::PathBuf;

use crate::{needs, process::Outcome, services::NoServices};

const PROGRAM: &str = "nginx";

/// Makes sure that the program is there.
pub fn ensure() -> Outcome {
    if needs::find(PROGRAM).is_some() {
        return Ok(());
    }
    let _programs_only = NoServices::on();
    needs::ensure(PROGRAM, "nginx-light")
}

/// Where it is.
pub fn program() -> Outcome<PathBuf> {
    needs::find(PROGRAM).ok_or_else(|| "nginx is missing".into())
}
