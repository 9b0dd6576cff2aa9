//! Nodes on one database, and writers that keep a ledger.

use std::time::Duration;

use activity_testkit::Address;
use serde_json::Value;

use crate::support::{Account, Ledger, Load, Node, Outcome, Random, until};
use crate::{LONG, check, started};

/// Writers of each node.
const WRITERS: u64 = 4;
/// Their pause after each request, so that a minute's outage is made up for in seconds.
const PAUSE: Duration = Duration::from_millis(5);

/// Servers under load.
pub struct Trial {
    /// Where the database is in the end.
    pub address: Address,
    pub nodes: Vec<Node>,
    pub accounts: Vec<Account>,
    pub random: Random,
    ledger: Ledger,
    loads: Vec<Load>,
}

impl Trial {
    /// Servers that are ready, know two clients, and are sent events by them. `via` is where they find the
    /// database, by a proxy for instance.
    pub async fn start(via: &Address, nodes: usize, settings: &[(&'static str, &str)]) -> Self {
        Self::of(via, &vec![settings; nodes]).await
    }

    /// The same with settings for each server.
    pub async fn of(via: &Address, settings: &[&[(&'static str, &str)]]) -> Self {
        let mut started_nodes = Vec::new();
        for settings in settings {
            let quiet = [("API_READ_RATE_LIMIT", "1000000000")];
            started_nodes.push(started(via, &[&quiet[..], settings].concat()).await);
        }
        let first = &started_nodes[0];
        let accounts = vec![first.register("ada", "client").await, first.register("bob", "client").await];
        let mut ledger = Ledger::default();
        for node in &started_nodes {
            for account in &accounts {
                node.drain(account, &mut ledger).await;
            }
        }
        let load = |(seed, node)| Load::paced(node, &accounts, WRITERS, seed, PAUSE);
        let loads = (70..).zip(&started_nodes).map(load).collect();
        let (address, random) = (via.clone(), Random(71));
        let trial = Self { address, nodes: started_nodes, accounts, random, ledger, loads };
        trial.more(30).await;
        trial
    }

    /// The only node, or the first.
    pub fn node(&self) -> &Node {
        &self.nodes[0]
    }

    /// Waits until each node has taken so many more requests.
    pub async fn more(&self, by: u64) {
        let before: Vec<u64> = self.loads.iter().map(Load::requests).collect();
        until("load", LONG, async || {
            let mut all = self.loads.iter().zip(&before);
            all.all(|(load, before)| load.requests() >= before + by).then_some(())
        })
        .await;
    }

    /// Requests with events that were answered 5xx, or not at all.
    pub fn failures(&self) -> u64 {
        self.loads.iter().map(Load::failures).sum()
    }

    /// Requests with events that were answered 2xx.
    pub fn requests(&self) -> u64 {
        self.loads.iter().map(Load::requests).sum()
    }

    /// Takes over what somebody else has sent.
    pub fn note(&mut self, ledger: Ledger) {
        self.ledger.append(ledger);
    }

    /// Ends the load, lets everything arrive, stops the nodes, and compares the database with the ledger. Returns
    /// what the nodes said at last.
    pub async fn end(mut self, figures: &str) -> Vec<Value> {
        let (requests, failures) = (self.requests(), self.failures());
        for load in self.loads {
            self.ledger.append(load.finish().await);
        }
        let mut said = Vec::new();
        for node in &mut self.nodes {
            node.drain(&self.accounts[0], &mut self.ledger).await;
            said.push(node.stop().await);
        }
        check(&self.address, &self.ledger);
        let [ok, refused, unknown] =
            [Outcome::Ok, Outcome::Refused, Outcome::Unknown].map(|outcome| self.ledger.count(outcome));
        println!(
            "{figures}: events {ok} ok, {refused} refused, {unknown} unknown; requests {requests} 2xx, {failures} \
             failed; 0 lost, 0 doubled, blocks and deltas as rows"
        );
        assert!(ok > 100, "there was load");
        said
    }
}
