//! The kit itself, with real servers.

mod postgres;
