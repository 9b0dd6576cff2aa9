//! `cargo xtask ci`: what must pass before a merge. Cheap steps first, so that a slip shows early.

use crate::{
    process::{self, Outcome},
    steps::{self, Step},
    test, workspace,
};

/// Formatting, clippy, then everything that `cargo xtask test` does.
pub fn ci() -> Outcome {
    let mut steps = vec![
        Step::new("formatting", || cargo(&["fmt", "--all", "--check"])),
        Step::new("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ];
    steps.extend(test::steps(Vec::new()));
    steps::run_all(steps)
}

fn cargo(args: &[&str]) -> Outcome {
    process::run(process::cargo().args(args).current_dir(workspace::root()))
}
