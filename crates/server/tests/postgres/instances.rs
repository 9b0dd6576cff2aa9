//! Two servers with their own spools on one database.

use std::time::Duration;

use activity_testkit::{Address, Database, PostgresCluster, Stop};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Account, Days, Event, Ledger, Load, Node, Outcome, Random, by_day, until};
use crate::{LONG, check, readyz, rows, started};

/// Within this, a change acts on a server that did not make it.
const HEARD: Duration = Duration::from_secs(1);

async fn status_of(node: &Node, key: &str) -> StatusCode {
    node.http.get(node.at("/api/rate-limit")).header("x-api-key", key).send().await.unwrap().status()
}

fn untimed(days: Days) -> Days {
    days.into_iter().map(|(key, count)| (key, count.untimed())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_servers_take_is_counted_once_and_both_answer_alike() {
    let database = Database::empty();
    let mut nodes = [started(database.address(), &[]).await, started(database.address(), &[]).await];
    let accounts = [nodes[0].register("ada", "client").await, nodes[1].register("bob", "client").await];
    let loads: Vec<Load> =
        (11..).zip(&nodes).map(|(seed, node)| Load::start(node, &accounts, 3, seed)).collect();
    until("load", LONG, async || loads.iter().all(|load| load.requests() > 300).then_some(())).await;
    let mut ledger = Ledger::default();
    for load in loads {
        ledger.append(load.finish().await);
    }
    // The same events by way of both.
    let mut random = Random(12);
    for _ in 0..5 {
        let events = Event::several(20, &accounts[0], &mut random);
        for node in &nodes {
            node.record(&accounts[0].key, &events, false).await;
        }
        ledger.note(events, Outcome::Ok);
    }
    for node in &nodes {
        node.drain(&accounts[1], &mut ledger).await;
    }
    let expected = untimed(by_day(&rows::all(database.address())));
    for node in &nodes {
        assert_eq!(node.daily("days=10").await, expected, "what the API says");
    }
    let mut stored = 0;
    for node in &mut nodes {
        stored += node.stop().await["stored"].as_u64().unwrap();
    }
    assert_eq!(stored, ledger.count(Outcome::Ok) as u64);
    check(database.address(), &ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_revokes_ends_on_the_other_within_a_second() {
    let database = Database::empty();
    let nodes = [started(database.address(), &[]).await, started(database.address(), &[]).await];
    let ada = nodes[0].register("ada", "client").await;
    let admin = nodes[0].admin_key();
    for node in &nodes {
        assert_eq!(status_of(node, &ada.key).await, StatusCode::OK);
    }
    let patch = async |active: bool| {
        let request = nodes[0].http.patch(nodes[0].at(&format!("/api/clients/{}", ada.id)));
        let request = request.header("x-api-key", &admin).json(&json!({ "isActive": active }));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    };
    let sees = async |expected: StatusCode| {
        until("the other to hear of it", HEARD, async || {
            (status_of(&nodes[1], &ada.key).await == expected).then_some(())
        })
        .await;
    };
    patch(false).await;
    sees(StatusCode::FORBIDDEN).await;
    patch(true).await;
    sees(StatusCode::OK).await;
    let key = ada.key.split('_').nth(1).unwrap();
    let revoke = nodes[0].http.delete(nodes[0].at(&format!("/api/clients/{}/keys/{key}", ada.id)));
    let revoked = revoke.header("x-api-key", &admin).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    sees(StatusCode::UNAUTHORIZED).await;
}

/// Each server compacts; whichever does it may be killed at any moment, and the other goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_goes_on_compacting_when_one_is_killed() {
    let database = Database::empty();
    let mut nodes = [started(database.address(), &[]).await, started(database.address(), &[]).await];
    let accounts = [nodes[0].register("ada", "client").await, nodes[1].register("bob", "client").await];
    let loads: Vec<Load> =
        (21..).zip(&nodes).map(|(seed, node)| Load::start(node, &accounts, 3, seed)).collect();
    let mut random = Random(22);
    for round in 0..6 {
        let before: Vec<u64> = loads.iter().map(Load::requests).collect();
        let [killed, other] = [round % 2, (round + 1) % 2];
        // The moment of the fault, not a wait for anything.
        tokio::time::sleep(random.millis(300..700)).await;
        nodes[killed].kill();
        until("the other goes on", LONG, async || (loads[other].requests() > before[other]).then_some(()))
            .await;
        compacted(&database).await;
        nodes[killed].start().await;
    }
    let mut ledger = Ledger::default();
    for load in loads {
        ledger.append(load.finish().await);
    }
    for node in &nodes {
        node.drain(&accounts[0], &mut ledger).await;
    }
    compacted(&database).await;
    for node in &mut nodes {
        node.stop().await;
    }
    assert!(ledger.count(Outcome::Ok) > 500 && ledger.count(Outcome::Unknown) > 0);
    check(database.address(), &ledger);
}

/// What waited for the compactor when this was called is folded.
async fn compacted(database: &Database) {
    let newest = database.sql("SELECT coalesce(max(seq), 0) FROM usage_delta");
    let left = format!("SELECT count(*) FROM usage_delta WHERE seq <= {newest}");
    until("what waits to be folded", LONG, async || (database.sql(&left) == "0").then_some(())).await;
}

/// The primary is lost, a replica takes its place, and senders do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_told_of_and_one_of_them_may_become_the_primary() {
    let mut cluster = PostgresCluster::start(1);
    let (one, other) = (cluster.primary.address().clone(), cluster.replicas[0].address().clone());
    let url = either(&one, &other);
    let replicas = format!("{}:{}", other.host, other.port);
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_READ_REPLICAS", replicas.as_str())];
    let mut node = started(&one, &settings).await;
    until("the replica to be found", LONG, async || readyz(&node, "replica-1").await.1.then_some(())).await;
    let accounts: Vec<Account> = vec![node.register("ada", "client").await];
    let mut ledger = Ledger::default();
    node.drain(&accounts[0], &mut ledger).await;

    cluster.replicas[0].stop(Stop::Immediate);
    let trouble = until("the loss of the replica", LONG, async || {
        let (status, ok, detail) = readyz(&node, "replica-1").await;
        assert_eq!(status, StatusCode::OK);
        (!ok).then_some(detail)
    })
    .await;
    assert!(trouble.contains("cannot be reached; the others and the primary answer"), "{trouble}");
    assert!(!node.daily("days=1").await.is_empty());
    cluster.replicas[0].start_again();
    until("the replica to be found", LONG, async || readyz(&node, "replica-1").await.1.then_some(())).await;

    let load = Load::start(&node, &accounts, 3, 31);
    let more = async |by: u64| {
        let before = load.requests();
        until("load", LONG, async || (load.requests() > before + by).then_some(())).await;
    };
    more(100).await;
    // What has not arrived at the replica would be lost with the primary: that is not what this is about.
    ledger.append(load.finish().await);
    node.drain(&accounts[0], &mut ledger).await;
    cluster.wait_caught_up();
    cluster.primary.kill();
    let mut random = Random(32);
    for _ in 0..20 {
        let events = Event::several(5, &accounts[0], &mut random);
        assert_eq!(ledger.send(node.post(&accounts[0].key), events).await, Some(StatusCode::ACCEPTED));
    }
    let lost = cluster.promote(0);
    node.drain(&accounts[0], &mut ledger).await;
    until("Postgres answers", LONG, async || readyz(&node, "store").await.1.then_some(())).await;
    node.stop().await;
    check(&other, &ledger);
    drop(lost);
}

/// The primary is lost with commits that the standby never received. Events that were answered 201 are among
/// them: the spool has kept them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_promoted_standby_lacks_is_brought_again() {
    let mut cluster = PostgresCluster::start(1);
    let (one, other) = (cluster.primary.address().clone(), cluster.replicas[0].address().clone());
    let mut node = started(&one, &[("DATABASE_URL", either(&one, &other).as_str())]).await;
    let ada = node.register("ada", "client").await;
    let (mut ledger, mut random) = (Ledger::default(), Random(41));
    let mut record = async |count: usize| {
        let events = Event::several(count, &ada, &mut random);
        node.record(&ada.key, &events, true).await;
        events
    };
    ledger.note(record(50).await, Outcome::Ok);
    cluster.wait_caught_up();
    cluster.replicas[0].stop(Stop::Immediate);
    for _ in 0..20 {
        ledger.note(record(50).await, Outcome::Ok);
    }
    cluster.primary.kill();
    cluster.replicas[0].start_again();
    let lost = cluster.promote(0);
    let rows = || other.sql("SELECT count(*) FROM activity").parse::<usize>().unwrap();
    assert!(rows() < ledger.count(Outcome::Ok), "the standby has all of it: nothing is shown");
    until("all to be there again", LONG, async || (rows() == ledger.count(Outcome::Ok)).then_some(())).await;
    let said = node.stop().await;
    assert!(said["replayed"].as_u64().unwrap() >= 1_000 && said["missing"] == 0, "{said}");
    check(&other, &ledger);
    drop(lost);
}

/// Whichever of two servers takes writes.
pub fn either(one: &Address, other: &Address) -> String {
    let (user, password) = (&one.user, &one.password);
    let hosts = format!("{}:{},{}:{}", one.host, one.port, other.host, other.port);
    format!("postgres://{user}:{password}@{hosts}/postgres?target_session_attrs=read-write")
}
