//! SIGTERM under load.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::watch;

use crate::support::{Database, Event, Ledger, Load, Node, Outcome, Random, until};
use crate::{RECENT, check};

/// What a stop may take.
const STOP: Duration = Duration::from_secs(10);
/// The same when no request is in flight and the store takes nothing: notice is given for half a
/// second and draining is tried for five. A statement that waits for a lock gives up after ten only.
const IDLE_STOP: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_is_announced_and_accounts_for_everything() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "100")]).await;
    let accounts = [node.register("ada", "client").await, node.register("bob", "client").await];
    let mut random = Random(2);
    let mut repeated = Ledger::default();
    let events = Event::several(10, &accounts[0], &mut random);
    for _ in 0..3 {
        node.record(&accounts[0].key, &events, true).await;
    }
    repeated.note(events, Outcome::Ok);

    let load = Load::start(&node, &accounts, 8, 2);
    until("load", STOP, async || (load.requests() > 200).then_some(())).await;
    let probe = Probe::start(&node);
    let last = node.stop().await;
    let seen = probe.finish().await;
    let mut ledger = load.finish().await;
    ledger.append(repeated);

    let first = seen.iter().position(|status| *status != Some(StatusCode::OK)).unwrap();
    let notice = seen[first..].iter().take_while(|status| **status == Some(StatusCode::SERVICE_UNAVAILABLE));
    assert!(notice.count() >= 3, "load balancers are told first, and have time to ask: {seen:?}");
    assert!(!seen[first..].contains(&Some(StatusCode::OK)), "and it stays so: {seen:?}");
    let number = |name: &str| last[name].as_u64().unwrap_or_else(|| panic!("{name} in {last}"));
    let split = ["stored", "duplicate", "discarded", "set_aside"].map(number);
    assert_eq!((last["drained"].clone(), split[1]), (Value::Bool(true), 20), "{last}");
    let settled = split.iter().sum::<u64>() + number("pending");
    assert_eq!(number("accepted") + number("earlier"), settled, "{last}");
    let told = (ledger.count(Outcome::Ok) + 20) as u64;
    let most = told + ledger.count(Outcome::Unknown) as u64;
    assert!((told..=most).contains(&number("accepted")), "{told} to {most} were taken: {last}");

    check(&node, &ledger, RECENT);
    node.start().await;
    let accounts = node.stop().await;
    assert_eq!(accounts["accepted"], 0, "nothing was left: {accounts}");
    check(&node, &ledger, RECENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_store_does_not_hold_up_a_stop() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "20")]).await;
    let account = node.register("ada", "client").await;
    let mut ledger = Ledger::default();
    node.drain(&account, &mut ledger).await;
    let lock = Database::lock(&node);
    let events = Event::several(200, &account, &mut Random(4));
    node.record(&account.key, &events, false).await;
    ledger.note(events, Outcome::Ok);
    node.terminate();
    let status = node.exit(IDLE_STOP).await;
    drop(lock);
    assert!(status.success(), "{status}: {}", node.log());
    assert!(node.log().lines().last().unwrap().contains("\"drained\":false"), "{}", node.log());

    node.start().await;
    node.drain(&account, &mut ledger).await;
    node.stop().await;
    check(&node, &ledger, RECENT);
}

/// Asks for readiness over and over, on a new connection each time, as load balancers do.
struct Probe {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Vec<Option<StatusCode>>>,
}

impl Probe {
    fn start(node: &Node) -> Self {
        let (stop, stopped) = watch::channel(false);
        let url = node.at("/readyz");
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let task = tokio::spawn(async move {
            let mut seen = Vec::new();
            while !*stopped.borrow() {
                seen.push(http.get(&url).send().await.ok().map(|answer| answer.status()));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            seen
        });
        Self { stop, task }
    }

    /// What it saw, in order; `None` where there was no answer.
    async fn finish(self) -> Vec<Option<StatusCode>> {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}
