//! The API through a real server on a random port, over the stores in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod app;
mod bad_input;
mod documents;
mod events;
mod health;
mod intake;
mod limits;
mod oversized;
mod register;
mod usage;
mod walls;
mod wrong_values;
