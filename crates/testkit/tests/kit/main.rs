//! The kit itself, with real servers.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests too"
)]

mod cluster;
mod commit;
mod ends;
mod postgres;
mod program;
mod proxy;
mod redis;
mod redis_groups;
