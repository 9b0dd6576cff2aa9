//! Writers that send for as long as they may, each event once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Account, Event, Ledger, Node, Random};

/// How long a writer waits for the server to come back before it tries again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Writers at work.
pub struct Load {
    stop: Arc<watch::Sender<bool>>,
    writers: JoinSet<Ledger>,
    requests: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
}

impl Load {
    /// Starts writers. They send one event or a few, for these accounts in turn; now and then one that
    /// has to be refused.
    pub fn start(node: &Node, accounts: &[Account], writers: u64, seed: u64) -> Self {
        Self::paced(node, accounts, writers, seed, Duration::ZERO)
    }

    /// The same, with a pause of each writer after each request.
    pub fn paced(node: &Node, accounts: &[Account], writers: u64, seed: u64, pause: Duration) -> Self {
        Self::at(&node.url, &node.http, accounts, writers, seed, pause)
    }

    /// The same, wherever that leads.
    pub fn at(
        url: &watch::Sender<String>,
        http: &reqwest::Client,
        accounts: &[Account],
        writers: u64,
        seed: u64,
        pause: Duration,
    ) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            writers: JoinSet::new(),
            requests: Arc::default(),
            failures: Arc::default(),
        };
        for number in 0..writers {
            let writer = Writer {
                http: http.clone(),
                url: url.subscribe(),
                accounts: accounts.to_vec(),
                random: Random(seed << 32 | number),
                stop: load.stop.subscribe(),
                requests: load.requests.clone(),
                failures: load.failures.clone(),
                pause,
            };
            load.writers.spawn(writer.run());
        }
        load
    }

    /// How many requests were answered 2xx so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How many were answered 5xx or not at all.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Ends it, and returns what all writers know.
    pub async fn finish(mut self) -> Ledger {
        self.stop.send_replace(true);
        let mut all = Ledger::default();
        while let Some(ledger) = self.writers.join_next().await {
            all.append(ledger.unwrap());
        }
        all
    }
}

struct Writer {
    http: reqwest::Client,
    url: watch::Receiver<String>,
    accounts: Vec<Account>,
    random: Random,
    stop: watch::Receiver<bool>,
    requests: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
    pause: Duration,
}

impl Writer {
    async fn run(mut self) -> Ledger {
        let mut ledger = Ledger::default();
        for account in self.accounts.clone().iter().cycle() {
            if *self.stop.borrow() {
                break;
            }
            let url = self.url.borrow_and_update().clone();
            let request = self.http.post(format!("{url}/api/logs")).header("x-api-key", &account.key);
            let events = self.events(account);
            match ledger.send(request, events).await {
                Some(status) if status.is_success() => {
                    self.requests.fetch_add(1, Ordering::Relaxed);
                }
                Some(status) => {
                    self.failures.fetch_add(u64::from(status.is_server_error()), Ordering::Relaxed);
                }
                None => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    let _ = timeout(PATIENCE, self.url.changed()).await;
                }
            }
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        ledger
    }

    fn events(&mut self, account: &Account) -> Vec<Event> {
        let count = if self.random.below(2) == 0 { 1 } else { 2 + self.random.below(4) };
        let event = |_| {
            let event = Event::new(account, &mut self.random);
            if self.random.below(20) == 0 { event.tomorrow() } else { event }
        };
        (0..count).map(event).collect()
    }
}
