//! Faults of the whole program: real processes that are killed, stopped, starved and misled, and
//! senders that keep a ledger. Whatever happens: what was answered 2xx is stored and counted exactly
//! once, what was refused is not there, and nothing is there that nobody sent.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod canary;
mod crash;
mod drain;
mod hostile;
mod metrics;
mod outage;
mod probe;
mod random_urls;
mod refusals;
mod retries;
mod set_aside;
mod stop;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod traces;
mod versions;

use support::{Database, Ledger, Node, by_day};

/// Compares everything that a node has on disk with the ledger: raw rows, and every length of blocks
/// that `levels` names, together with the deltas. The node must not be running.
fn check(node: &Node, ledger: &Ledger, levels: &[i64]) {
    let mut database = Database::of(node);
    let rows = database.rows();
    ledger.check(&rows);
    let counted = by_day(&rows);
    for level in levels {
        assert_eq!(database.rollups(*level), counted, "blocks of {level} minutes and deltas");
    }
}

/// Lengths of blocks in minutes, for events of the last days.
const RECENT: &[i64] = &[1, 15, 60, 1_440];
/// The same for events of any age, for which minutes are not kept.
const OLD: &[i64] = &[15, 60, 1_440];
