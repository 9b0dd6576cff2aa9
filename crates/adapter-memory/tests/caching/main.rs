//! A cache in front of the store: the laws of stores hold for the two together, and questions cost the
//! store as little as they should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test, that is how it fails")]

mod bounds;
mod costs;
mod forgetting;
mod laws;
mod prewarm;
mod stack;
mod trouble;
