//! `cargo xtask run`: builds the dashboard and the server in release, and becomes it.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, Stdio},
};

use cargo_metadata::Message;

use crate::{
    dashboard,
    process::{self, Outcome},
};

/// The binary of the package activity-server.
const BINARY: &str = "activity-tracker";

/// Builds, then replaces this process by the server, so that Ctrl-C and SIGTERM go straight to it. It runs
/// where the caller is, because arguments may be paths.
pub fn run(mut args: Vec<OsString>) -> Outcome {
    dashboard::build_if_possible();
    let binary = build()?;
    if args.is_empty() {
        args.push(OsString::from("serve"));
    }
    process::exec(Command::new(binary).args(args))
}

/// Builds the server in release and returns the path of its binary.
pub fn build() -> Outcome<PathBuf> {
    build_with(&["--release"])
}

/// The same as tests have it.
pub fn build_for_tests() -> Outcome<PathBuf> {
    build_with(&[])
}

/// Cargo is asked for the path, because it depends on
/// the target directory and on a target triple that the user may have set.
fn build_with(profile: &[&str]) -> Outcome<PathBuf> {
    let mut build = process::cargo();
    build.args(["build", "--package", "activity-server", "--bin", BINARY]).args(profile);
    build.arg("--message-format=json-render-diagnostics").stdin(Stdio::null());
    let messages = process::capture(&mut build)?;
    executable(&messages)?.ok_or_else(|| format!("cargo built no binary called {BINARY}").into())
}

/// The path of the binary in cargo's messages.
fn executable(messages: &[u8]) -> Outcome<Option<PathBuf>> {
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == BINARY
            && let Some(path) = artifact.executable
        {
            return Ok(Some(path.into_std_path_buf()));
        }
    }
    Ok(None)
}
