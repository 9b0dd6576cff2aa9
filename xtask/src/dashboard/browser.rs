//! The dashboard in Chromium, before the debug binary, and for a long time before one in release.

use std::{
    fs,
    num::NonZeroU16,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{Message, TargetKind};

use super::{install, web};
use crate::{
    needs,
    process::{self, Outcome},
    run,
    services::NoServices,
    test, workspace,
};

/// What it is called, here and there.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the tests in the browser.
pub fn end_to_end() -> Outcome {
    process::run(&mut npm("e2e", &binary()?)?)
}

/// Takes the pictures of docs/images.
pub fn screenshots() -> Outcome {
    process::run(&mut npm("screenshots", &binary()?)?)
}

/// Keeps the live views open for so many minutes.
pub fn soak(minutes: NonZeroU16, server: Option<&Path>) -> Outcome {
    let server = match server {
        Some(path) => fs::canonicalize(path)?,
        None => run::build()?,
    };
    process::run(npm("soak", &server)?.env("SOAK_MINUTES", minutes.to_string()))
}

/// One of the scripts of `package.json` that need a browser and a server.
fn npm(script: &str, server: &Path) -> Outcome<Command> {
    install(&web())?;
    let mut npm = process::of_its_own(Command::new("npm"));
    npm.args(["run", script]).current_dir(web());
    npm.env("CHROMIUM", chromium()?).env("ACTIVITY_TRACKER", server);
    Ok(npm)
}

/// The browser, installed where it may be.
fn chromium() -> Outcome<PathBuf> {
    let find = || PROGRAMS.iter().find_map(|name| needs::find(name));
    if find().is_none() {
        let _programs_only = NoServices::on();
        needs::ensure_that("Chromium", || find().is_some(), "chromium")?;
    }
    find().ok_or_else(|| "Chromium is missing".into())
}

/// The server's debug binary, as the tests of the workspace have built it, so that nothing is built anew.
fn binary() -> Outcome<PathBuf> {
    let mut build = process::cargo();
    build
        .args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"])
        .args(test::TARGETS);
    let messages = process::capture(build.current_dir(workspace::root()))?;
    for message in Message::parse_stream(messages.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == "activity-tracker"
            && artifact.target.is_kind(TargetKind::Bin)
            && !artifact.profile.test
            && let Some(path) = artifact.executable
        {
            return Ok(path.into_std_path_buf());
        }
    }
    Err("cargo built no binary called activity-tracker".into())
}
