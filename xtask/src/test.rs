//! `cargo xtask test`: the whole suite.

use std::ffi::OsString;

use crate::{
    openapi, postgres,
    process::{self, Outcome},
    steps::{self, Step},
    tidy, workspace,
};

/// What is built and run as tests. Benchmarks are left out: they have a main function of their own and would
/// run in full.
const TARGETS: [&str; 5] = ["--workspace", "--lib", "--bins", "--tests", "--examples"];

/// Runs the suite; `args` go to the test runner, a name to filter by for instance.
pub fn test(args: Vec<OsString>) -> Outcome {
    steps::run_all(steps(args))
}

/// The suite as steps, for `ci` to run after its own.
pub fn steps(args: Vec<OsString>) -> Vec<Step> {
    vec![
        Step::new("tidy", tidy::tidy),
        Step::new("PostgreSQL for tests", postgres::ensure),
        Step::new("tests", || tests(args)),
        Step::new("doc tests", doc_tests),
        Step::new("OpenAPI document", openapi::check),
    ]
}

/// Unit and integration tests, with nextest where it is installed.
fn tests(args: Vec<OsString>) -> Outcome {
    let runner: &[&str] = if process::succeeds(process::cargo().args(["nextest", "--version"])) {
        &["nextest", "run"]
    } else {
        &["test"]
    };
    process::run(process::cargo().args(runner).args(TARGETS).args(args).current_dir(workspace::root()))
}

/// Examples in the documentation, which nextest does not run.
fn doc_tests() -> Outcome {
    process::run(process::cargo().args(["test", "--workspace", "--doc"]).current_dir(workspace::root()))
}
