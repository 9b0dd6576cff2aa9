//! Clients and keys of the whole program: what another process changes, and what is left of a client
//! that was erased.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod admin;
mod erase;
#[path = "../support/mod.rs"]
mod support;
