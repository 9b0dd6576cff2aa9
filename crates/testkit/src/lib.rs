//! Private servers for tests: real ones, in folders of their own, on free loopback ports.
//!
//! | Item | Is |
//! |---|---|
//! | [`Postgres`] | a PostgreSQL server that a test can stop, kill, freeze and start again |
//! | [`PostgresCluster`] | a primary with streaming replicas, to pause and promote |
//! | [`Database`] | a fresh database, made in milliseconds, on a server that all tests share |
//! | [`Shared`] | that server |
//! | [`Program`] | any other program, in a folder of its own |
//! | [`Redis`] | a Redis server, likewise |
//! | [`RedisMonitor`] | all commands that such a server runs |
//! | [`RedisSentinel`] | a primary with a replica, and three Sentinels that watch over them |
//! | [`RedisCluster`] | three primaries that share the keys |
//! | [`Proxy`] | a network in front of any server, to cut, slow down and stop |
//! | [`until`] | waiting for a condition, with a deadline |
//!
//! Everything here blocks and panics: it is for tests, where a server that does not start is a failed test. It
//! may be called from an async test as well, as long as nothing else on the runtime has to go on meanwhile.
//!
//! **No server outlives its test**, however that ends: a watcher (`watch.sh`) takes it down when the last
//! process that uses it is gone. The kit runs on Linux.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a library for tests: what goes wrong here fails the test that it goes wrong in"
)]

mod account;
mod disk;
mod folder;
mod password;
mod port;
mod postgres;
mod processes;
mod program;
mod proxy;
mod redis;
mod wait;

pub use port::free as free_port;
pub use postgres::{Address, Database, Postgres, PostgresCluster, Settings, Shared, Stop};
pub use processes::is_busy;
pub use program::Program;
pub use proxy::{Moment, Proxy, Trap};
pub use redis::{
    Redis, RedisAddress, RedisCluster, RedisCommand, RedisMonitor, RedisSentinel, RedisSettings, RedisTls,
};
pub use wait::until;
