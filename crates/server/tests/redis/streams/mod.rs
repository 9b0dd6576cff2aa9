//! What one server takes, readers of the other are told.

mod ear;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use activity_testkit::{Database, Redis};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Account, Node};
use crate::two;
use ear::Ear;

const WRITERS: usize = 4;
const CALLS: usize = 60;

/// An event that was recorded, and when that began.
#[derive(Debug, Clone)]
struct Sent {
    event: Value,
    begun: Instant,
}

impl Sent {
    fn id(&self) -> &str {
        self.event["id"].as_str().unwrap()
    }
}

/// What a reader wants to be told of, as its filter says it.
#[derive(Debug, Clone, Copy, Default)]
struct Wish<'a> {
    client: Option<&'a str>,
    endpoint: Option<&'a str>,
    method: Option<&'a str>,
    status: Option<&'a str>,
}

impl Wish<'_> {
    fn pairs(&self) -> BTreeMap<&str, &str> {
        let Self { client, endpoint, method, status } = *self;
        let all = [("clientId", client), ("endpoint", endpoint), ("method", method), ("status", status)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether an event is wanted by one who sees this client, or everybody.
    fn fits(&self, event: &Value, seen: Option<&str>) -> bool {
        let is = |field: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| event[field] == wanted);
        is("clientId", self.client)
            && is("clientId", seen)
            && is("method", self.method)
            && self.endpoint.is_none_or(|start| event["endpoint"].as_str().unwrap().starts_with(start))
            && self.status.is_none_or(|class| event["statusCode"].to_string()[..1] == class[..1])
    }
}

/// A single event by a service, which may speak for anybody.
async fn post(node: &Node, service: &Account, event: Value) -> Sent {
    let begun = Instant::now();
    let answer = node.post(&service.key).json(&event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    Sent { event, begun }
}

fn event(client: &Account, endpoint: &str, method: &str, status: u16) -> Value {
    json!({
        "id": Uuid::now_v7(), "clientId": client.id, "endpoint": endpoint, "method": method, "statusCode": status,
    })
}

/// Several writers at the same time, with events of both clients of every kind.
async fn write(node: &Node, service: &Account, clients: &[Account; 2]) -> Vec<Sent> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (request, clients) = (node.post(&service.key), clients.clone());
        writers.spawn(async move {
            let mut all = Vec::new();
            for number in 0..CALLS {
                let path = ["/orders/list", "/users", "/orders"][number % 3];
                let method = ["GET", "POST"][number / 3 % 2];
                let client = &clients[(number + writer) % 2];
                let event = event(client, path, method, [200, 404, 503][number % 5 % 3]);
                let begun = Instant::now();
                let answer = request.try_clone().unwrap().json(&event).send().await.unwrap();
                assert_eq!(answer.status(), 202);
                all.push(Sent { event, begun });
            }
            all
        });
    }
    writers.join_all().await.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_is_told_what_fits_and_nothing_else() {
    let (database, redis) = (Database::empty(), Redis::start());
    let [one, other] = two(database.address(), &redis).await;
    let clients = [one.register("ada", "client").await, one.register("bob", "client").await];
    let service = one.register("gateway", "service").await;
    let [ada, bob] = [&clients[0], &clients[1]].map(|account| Some(account.id.as_str()));
    let none = Wish::default();
    let wishes = [
        (&clients[1], bob, none),
        (&clients[1], bob, Wish { client: bob, ..none }),
        (&clients[0], ada, Wish { endpoint: Some("/orders"), ..none }),
        (&clients[0], ada, Wish { method: Some("POST"), ..none }),
        (&service, None, none),
        (&service, None, Wish { client: ada, ..none }),
        (&service, None, Wish { status: Some("5xx"), ..none }),
        (
            &service,
            None,
            Wish { endpoint: Some("/orders"), method: Some("POST"), status: Some("5xx"), ..none },
        ),
    ];
    let mut ears = Vec::new();
    for (account, seen, wish) in &wishes {
        ears.push((Ear::stream(&other, account, "all", &wish.pairs(), None).await, *seen, wish));
        ears.push((Ear::socket(&other, account, &wish.pairs()).await, *seen, wish));
    }
    let mut sent = write(&one, &service, &clients).await;
    // After everything else, and wanted by everybody who may see it.
    for client in &clients {
        sent.push(post(&one, &service, event(client, "/orders/last", "POST", 503)).await);
    }
    let mut late = Vec::new();
    for (mut ear, seen, wish) in ears {
        let expected: BTreeMap<&str, &Sent> =
            sent.iter().filter(|sent| wish.fits(&sent.event, seen)).map(|sent| (sent.id(), sent)).collect();
        let last: BTreeSet<&str> =
            sent[sent.len() - 2..].iter().map(Sent::id).filter(|id| expected.contains_key(id)).collect();
        let mut told = BTreeSet::new();
        while !last.iter().all(|id| told.contains(*id)) {
            let heard = ear.hears().await;
            assert!(seen.is_none_or(|seen| is_only_of(seen, &clients, &heard.words)), "{}", heard.words);
            if let Some(id) = heard.id {
                let sent = expected.get(id.as_str()).unwrap_or_else(|| panic!("{wish:?}: {}", heard.words));
                late.push(heard.at.saturating_duration_since(sent.begun));
                told.insert(id);
            }
        }
        let expected: BTreeSet<String> = expected.keys().map(|id| (*id).to_owned()).collect();
        assert_eq!(told, expected, "{wish:?}");
    }
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() * percent / 100).min(late.len() - 1)];
    println!("{} events told by the other server: p50 {:.1?}, p99 {:.1?}", late.len(), at(50), at(99));
}

/// Whether the words name no client but this one.
fn is_only_of(seen: &str, clients: &[Account], words: &str) -> bool {
    clients.iter().filter(|client| client.id != seen).all(|client| !words.contains(&client.id))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_with_the_other_server() {
    let (database, redis) = (Database::empty(), Redis::start());
    let nodes = two(database.address(), &redis).await;
    let service = nodes[0].register("gateway", "service").await;
    let client = nodes[0].register("ada", "client").await;
    let nothing = BTreeMap::new();
    // Both have listened from the beginning.
    for account in [&service, &client] {
        let mut reader = Ear::stream(&nodes[0], account, "logs", &nothing, None).await;
        let first = post(&nodes[0], &service, event(&client, "/first", "GET", 200)).await;
        reader.hears_of(first.id()).await;
        let place = reader.place().unwrap();
        drop(reader);
        let mut missed = BTreeSet::new();
        for number in 0..20 {
            let node = &nodes[number % 2];
            let sent = post(node, &service, event(&client, "/missed", "GET", 200)).await;
            missed.insert(sent.id().to_owned());
        }
        let mut reader = Ear::stream(&nodes[1], account, "logs", &nothing, Some(&place)).await;
        while !missed.is_empty() {
            let heard = reader.hears().await;
            assert!(!heard.words.contains("missed\":"), "it owns up to what it should have: {}", heard.words);
            if let Some(id) = heard.id {
                missed.remove(&id);
            }
        }
    }
}
