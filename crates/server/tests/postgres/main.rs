//! The whole program on Postgres: real processes, real servers.

#![allow(clippy::print_stdout, reason = "figures of the fault table")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod access_log;
mod at_rest;
mod commands;
mod instances;
mod journey;
mod later;
mod metrics;
mod rows;
mod schema;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod trouble;
mod versions;

use std::time::Duration;

use activity_testkit::Address;
use reqwest::StatusCode;
use serde_json::Value;
use support::{Ledger, Node, by_day};

/// Far more than anything here needs.
const LONG: Duration = Duration::from_secs(30);
const ADMIN_KEY: &str = "9d04be17a2c65f38e1b7440c5a90d2f6";
const JWT_SECRET: &str = "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5";
const ENCRYPTION_KEY: &str = "1b5c9fe27d3a460882c4d9e05f617ab3c8240ed9715b6fa3e8079c1d42b6e50f";

/// A node that is to work on a database, with what Postgres asks for; not running yet.
fn node(address: &Address, more: &[(&'static str, &str)]) -> Node {
    let url = address.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("JWT_SECRET", JWT_SECRET),
        ("ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("LOG_BATCH_INTERVAL_MS", "50"),
        ("LOG_FORMAT", "json"),
    ];
    Node::new(&[&settings[..], more].concat())
}

/// The same, ready.
async fn started(address: &Address, more: &[(&'static str, &str)]) -> Node {
    let mut node = node(address, more);
    node.start().await;
    node
}

/// Compares everything in the database with the ledger: raw rows, and every length of blocks together with the
/// deltas.
fn check(address: &Address, ledger: &Ledger) {
    let rows = rows::all(address);
    ledger.check(&rows);
    let counted = by_day(&rows);
    for level in [1, 15, 60, 1_440] {
        assert_eq!(rows::rollups(address, level), counted, "blocks of {level} minutes and deltas");
    }
}

/// What /readyz says of one thing, with its status.
async fn readyz(node: &Node, name: &str) -> (StatusCode, bool, String) {
    let answer = node.http.get(node.at("/readyz")).send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    let check = body["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name} in {body}"));
    (status, check["ok"].as_bool().unwrap(), check["detail"].as_str().unwrap().to_owned())
}

/// Starts a node, which has to end by itself. Returns everything that it said.
async fn refusal(node: &mut Node) -> String {
    ended_by_itself(node, 1).await
}

/// The same with settings that cannot be.
async fn refusal_of_settings(node: &mut Node) -> String {
    ended_by_itself(node, 78).await
}

async fn ended_by_itself(node: &mut Node, code: i32) -> String {
    node.spawn();
    let status = node.exit(LONG).await;
    assert_eq!(status.code(), Some(code), "{}", node.log());
    node.log()
}
