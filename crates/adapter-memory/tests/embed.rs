//! The example of docs/embedding.md does what it says.

#![allow(clippy::expect_used, reason = "in a test, that is how it fails")]

#[path = "../examples/embed.rs"]
mod embed;

#[test]
fn the_example_runs() {
    embed::main().expect("the example runs to its end");
}
