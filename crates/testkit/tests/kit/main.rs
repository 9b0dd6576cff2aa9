//! The kit itself, with real servers.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::panic, reason = "this is a test all over")]

mod cluster;
mod ends;
mod postgres;
