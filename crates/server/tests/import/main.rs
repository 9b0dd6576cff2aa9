//! `import` and `demo` as their users run them: logs and the original's tables in, and what the API then says against a
//! plain recount.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]
#![allow(unused_imports, reason = "the other tests use more of what is shared")]

mod demo;
mod generated;
mod original;
mod real;
#[path = "../support/mod.rs"]
mod support;
mod truth;

use std::path::Path;
use std::process::Output;

use support::Node;

/// Runs an import on a node's data, whether its server runs or not.
fn import(node: &Node, client_by: &str, files: &[&Path]) -> Output {
    let mut command = node.command();
    command.args(["import", "--client-by", client_by]).args(files);
    command.output().unwrap()
}

/// A count of the summary.
fn counted(output: &Output, name: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).map_or(0, |count| count.parse().unwrap())
}
