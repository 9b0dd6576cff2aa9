//! `cargo xtask test`: the whole suite.

use std::{ffi::OsString, process::Command};

use crate::{
    caddy, clock, dashboard, deploy, fuzz_api, nginx, openapi, postgres,
    process::{self, Outcome},
    redis,
    steps::{self, Step},
    tidy, websocket, workspace,
};

/// What is built and run as tests, of all packages unless some are named. Benchmarks are left out: they have a main
/// function of their own and would run in full.
pub const TARGETS: [&str; 4] = ["--lib", "--bins", "--tests", "--examples"];

/// Runs the suite; `args` go to the test runner, a name to filter by for instance. If they name packages
/// (`-p activity-testkit`), only the tests of those run.
pub fn test(args: Vec<OsString>) -> Outcome {
    steps::run_all(steps(args))
}

/// The suite as steps, for `ci` to run after its own.
pub fn steps(args: Vec<OsString>) -> Vec<Step> {
    let mut steps = vec![
        Step::new("tidy", tidy::tidy),
        Step::new("PostgreSQL for tests", postgres::ensure),
        Step::new("Redis for tests", redis::ensure),
        Step::new("nginx for tests", nginx::ensure),
        Step::new("Caddy for tests", caddy::ensure),
        Step::new("libfaketime for tests", clock::ensure),
    ];
    if names_packages(&args) {
        steps.push(Step::new("tests of packages", || process::run(runner().args(TARGETS).args(args))));
        return steps;
    }
    let (on_sqlite, on_postgres) = (args.clone(), args.clone());
    steps.extend([
        // First, so that the binary that is tested has it.
        Step::new("the dashboard: types, tests, build", dashboard::check),
        Step::new("tests", || process::run(runner().arg("--workspace").args(TARGETS).args(args))),
        Step::new("the API on the embedded store", || api("sqlite", on_sqlite)),
        Step::new("the API on Postgres", || api("postgres", on_postgres)),
        Step::new("the dashboard in a browser", dashboard::browse),
        Step::new("doc tests", doc_tests),
        Step::new("OpenAPI document", openapi::check),
        Step::new("WebSocket conformance", websocket::websocket),
        Step::new("files of deploy/", deploy::check),
        Step::new("the API against its document", fuzz_api::in_short),
        Step::new("the API against its document, with PostgreSQL and Redis", fuzz_api::in_short_shared),
    ]);
    steps
}

/// Whether some packages are named for cargo. What stands behind `--` is for the tests.
fn names_packages(args: &[OsString]) -> bool {
    let mut ours = args.iter().map(|arg| arg.to_string_lossy()).take_while(|arg| arg != "--");
    ours.any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

/// The tests of the API once more, on another store than the one in memory. The whole workspace is named, as
/// before, so that nothing is built anew.
fn api(store: &str, args: Vec<OsString>) -> Outcome {
    let mut command = runner();
    command.args(["--workspace", "--test", "api"]).env("ACTIVITY_TEST_STORE", store);
    if has_nextest() {
        // What is asked for may be elsewhere.
        command.arg("--no-tests=pass");
    }
    process::run(command.args(args))
}

/// What runs tests: nextest where it is installed.
fn runner() -> Command {
    let mut command = process::cargo();
    command.args(if has_nextest() {
        &["nextest", "run", "--no-fail-fast"][..]
    } else {
        &["test", "--no-fail-fast"]
    });
    command.current_dir(workspace::root());
    command
}

fn has_nextest() -> bool {
    process::succeeds(process::cargo().args(["nextest", "--version"]))
}

/// Examples in the documentation, which nextest does not run.
fn doc_tests() -> Outcome {
    process::run(process::cargo().args(["test", "--workspace", "--doc"]).current_dir(workspace::root()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_from_what_is_for_the_tests() {
        let names = |line: &str| names_packages(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["-p activity-http", "-pactivity-http", "spool --package x", "--package=x -- --nocapture"]
        {
            assert!(names(line), "{line}");
        }
        for line in ["", "spool", "-E test(x)", "--profile ci", "spool -- -p"] {
            assert!(!names(line), "{line}");
        }
    }
}
