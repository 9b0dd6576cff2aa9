//! Two servers behind nginx are replaced one after the other, under load of writers, readers and a stream.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use activity_testkit::{Database, Redis, free_port};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::rounds;
use crate::support::{Account, Front, Ledger, Load, Node, Outcome, by_day, until};
use crate::{LONG, rows, says, started};

const WRITERS: u64 = 8;
const READERS: usize = 3;
/// Of each writer and reader after each call, so that two cores have time for all of them.
const PAUSE: Duration = Duration::from_millis(5);
/// Requests that a server answers before the next one is replaced: nginx has found it again.
const ENOUGH: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_replaced_one_after_the_other() {
    let (database, redis) = (Database::empty(), Redis::start());
    let mut nodes = two(&database, &redis).await;
    let front = Front::start(&nodes).await;
    let accounts = [nodes[0].register("ada", "client").await, nodes[0].register("bob", "client").await];
    let (stop, stopped) = watch::channel(false);
    let stream = Stream::start(&front, &accounts[0]).await;
    let load = Load::at(&front.url, &front.http, &accounts, WRITERS, 7, PAUSE);
    let readers: Vec<_> = (0..READERS).map(|_| read(&front, &accounts[1], stopped.clone())).collect();

    until("load", LONG, async || (load.requests() > 100).then_some(())).await;
    let mut slowest = Duration::ZERO;
    let replaced = rounds(1, 20);
    for _ in 0..replaced {
        for node in &mut nodes {
            let begun = Instant::now();
            node.stop().await;
            slowest = slowest.max(begun.elapsed());
            node.start().await;
            let before = front.answered(node);
            until("nginx to find it again", LONG, async || {
                (front.answered(node) >= before + ENOUGH).then_some(())
            })
            .await;
        }
    }

    let (requests, failures) = (load.requests(), load.failures());
    let mut ledger = load.finish().await;
    stop.send_replace(true);
    let mut seen = Vec::new();
    for reader in readers {
        seen.extend(reader.await.unwrap());
    }
    let failed: Vec<&String> = seen.iter().filter(|trouble| !trouble.is_empty()).collect();
    let told = stream.finish(&ledger, &accounts[0]).await;
    println!(
        "{} times replaced, a stop took {slowest:.1?} at most; {requests} posts, {failures} failed; {} questions, {} \
         failed; a stream with {} events over {} connections, {} told as missed",
        2 * replaced,
        seen.len(),
        failed.len(),
        told.seen.len(),
        told.connections,
        told.missed,
    );
    assert_eq!((failures, ledger.count(Outcome::Unknown)), (0, 0), "{}", front.troubles());
    assert!(failed.is_empty(), "{:?}: {}", failed.first(), front.troubles());
    assert!(seen.len() > 10, "there was load");
    assert!(told.connections > 1, "the stream had to move");
    assert!(told.refused.is_empty(), "{:?}: {}", told.refused.first(), front.troubles());
    for node in &mut nodes {
        node.drain(&accounts[0], &mut ledger).await;
        node.stop().await;
    }
    let stored = rows::all(database.address());
    ledger.check(&stored);
    for level in [1, 15, 60, 1_440] {
        assert_eq!(rows::rollups(database.address(), level), by_day(&stored), "blocks of {level} minutes");
    }
}

/// Servers that stay on their ports, and share a Redis.
async fn two(database: &Database, redis: &Redis) -> [Node; 2] {
    let url = redis.url();
    let mut nodes = Vec::new();
    while nodes.len() < 2 {
        let port = free_port().to_string();
        // A busy machine is no outage.
        let settings = [
            ("REDIS_URL", url.as_str()),
            ("REDIS_TIMEOUT_MS", "20000"),
            ("API_READ_RATE_LIMIT", "1000000000"),
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
            ("PORT", &port),
        ];
        nodes.push(started(database.address(), &settings).await);
    }
    for node in &nodes {
        says(node, crate::BACK).await;
    }
    nodes.try_into().ok().unwrap()
}

/// Asks for usage until it is told to stop. Says of each question what was wrong with the answer, or nothing.
fn read(front: &Front, account: &Account, stopped: watch::Receiver<bool>) -> JoinHandle<Vec<String>> {
    let question = front.http.get(front.at("/api/usage/daily?days=7")).header("x-api-key", &account.key);
    tokio::spawn(async move {
        let mut seen = Vec::new();
        while !*stopped.borrow() {
            seen.push(match question.try_clone().unwrap().send().await {
                Ok(answer) if answer.status() == 200 => String::new(),
                Ok(answer) => answer.status().to_string(),
                Err(error) => format!("{error:?}"),
            });
            tokio::time::sleep(PAUSE).await;
        }
        seen
    })
}

/// A reader of a stream that comes back wherever it is let in.
struct Stream {
    told: watch::Receiver<Told>,
    task: JoinHandle<()>,
}

/// What it was told.
#[derive(Debug, Default, Clone)]
struct Told {
    seen: BTreeSet<Uuid>,
    connections: usize,
    missed: u64,
    place: String,
    /// Answers that were no stream.
    refused: Vec<String>,
}

impl Stream {
    async fn start(front: &Front, account: &Account) -> Self {
        let (sender, mut told) = watch::channel(Told::default());
        let path = front.at("/api/usage/stream?channel=logs");
        let request = front.http.get(path).header("x-api-key", &account.key).timeout(10 * LONG);
        let task = tokio::spawn(follow(request, sender));
        told.wait_for(|told| !told.place.is_empty()).await.unwrap();
        Self { told, task }
    }

    /// Waits until it has seen every event of the account, or was told how many it missed.
    async fn finish(mut self, ledger: &Ledger, account: &Account) -> Told {
        let ok: Vec<Uuid> = ledger.ids(&account.id, Outcome::Ok).collect();
        let left = |told: &Told| ok.iter().filter(|id| !told.seen.contains(id)).count() as u64;
        let done = tokio::time::timeout(LONG, self.told.wait_for(|told| left(told) <= told.missed)).await;
        let is_done = done.is_ok();
        drop(done);
        let told = self.told.borrow().clone();
        assert!(is_done, "{} of {} were not told, {} as missed", left(&told), ok.len(), told.missed);
        self.task.abort();
        told
    }
}

/// Reads, and comes back with the place where it was, until it is aborted.
async fn follow(request: RequestBuilder, told: watch::Sender<Told>) {
    loop {
        let place = told.borrow().place.clone();
        let again = request.try_clone().unwrap();
        let again = if place.is_empty() { again } else { again.header("last-event-id", place) };
        match again.send().await {
            Ok(answer) if answer.status() == 200 => listen(answer, &told).await,
            other => told.send_modify(|told| told.refused.push(format!("{other:?}"))),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads one connection to its end.
async fn listen(mut answer: Response, told: &watch::Sender<Told>) {
    told.send_modify(|told| told.connections += 1);
    let mut text = String::new();
    while let Ok(Some(part)) = answer.chunk().await {
        text.push_str(std::str::from_utf8(&part).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            told.send_modify(|told| told.hear(block));
            text = rest.to_owned();
        }
    }
}

impl Told {
    fn hear(&mut self, block: &str) {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let data = || serde_json::from_str::<Value>(field("data: ").unwrap()).unwrap();
        match field("event: ") {
            Some("log:new") => {
                self.seen.insert(data()["id"].as_str().unwrap().parse().unwrap());
            }
            Some("lagged") => self.missed += data()["missed"].as_u64().unwrap(),
            _ => {}
        }
        if let Some(place) = field("id: ") {
            place.clone_into(&mut self.place);
        }
    }
}
