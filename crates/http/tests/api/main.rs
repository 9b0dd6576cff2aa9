//! The API through a real server on a random port, over the store that `ACTIVITY_TEST_STORE` names.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod acts;
mod addresses;
mod app;
mod audit;
mod bad_input;
mod caching;
mod clients;
mod documents;
mod events;
mod health;
mod intake;
mod limits;
mod log;
mod metrics;
mod order;
mod oversized;
mod owasp;
mod register;
mod series;
mod store;
mod streams;
mod throttle;
mod usage;
mod verify;
mod walls;
mod wrong_values;
