//! Replicas answer what need not be of this moment, and nobody notices when they are gone or behind.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::time::{Duration, Instant};

use activity_adapter_postgres::{Options, PostgresStore, migrations};
use activity_contract::make;
use activity_domain::port::{ClientRepo, Read};
use activity_testkit::{PostgresCluster, Stop, until};

const LONG: Duration = Duration::from_secs(20);

/// A store on a cluster whose replicas are all well.
async fn store(cluster: &PostgresCluster) -> PostgresStore {
    let primary = kit::server(cluster.primary.address());
    migrations::up(&primary).await.unwrap();
    let replicas = cluster.replicas.iter().map(|replica| kit::server(replica.address())).collect();
    let store = PostgresStore::new(Options { replicas, ..Options::new(primary) });
    wait_well(&store, &vec![true; cluster.replicas.len()]);
    store
}

fn wait_well(store: &PostgresStore, expected: &[bool]) {
    until("the watcher sees it", LONG, || {
        let states: Vec<bool> = store.replicas().iter().map(|state| state.ailment.is_none()).collect();
        (states == expected).then_some(())
    });
}

/// Transactions that were committed on a server.
fn transactions(server: &activity_testkit::Postgres) -> i64 {
    server.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'").parse().unwrap()
}

async fn ask(store: &PostgresStore, id: &str, read: Read) -> bool {
    store.by_id(&make::client_id(id), read).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_questions() {
    let cluster = PostgresCluster::start(2);
    let store = store(&cluster).await;
    let before: Vec<i64> = cluster.replicas.iter().map(transactions).collect();
    store.insert(&make::client("CL-a"), None).await.unwrap();
    cluster.wait_caught_up();
    for _ in 0..200 {
        assert!(ask(&store, "CL-a", Read::Eventual).await);
    }
    // Servers count what a connection did when it pauses, and at least each ten seconds.
    for (replica, before) in cluster.replicas.iter().zip(before) {
        until("the replica has answered", LONG, || (transactions(replica) > before + 50).then_some(()));
    }
}

/// What was written is seen by those who ask for the latest while no replica has it; and once it has been
/// noticed, those who do not ask for it see it too.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_is_passed_over() {
    let cluster = PostgresCluster::start(1);
    let store = store(&cluster).await;
    cluster.replicas[0].pause_replay();
    store.insert(&make::client("CL-a"), None).await.unwrap();
    assert!(ask(&store, "CL-a", Read::Latest).await);
    wait_well(&store, &[false]);
    assert!(ask(&store, "CL-a", Read::Eventual).await);
    cluster.replicas[0].resume_replay();
    wait_well(&store, &[true]);
    assert!(ask(&store, "CL-a", Read::Eventual).await);
}

/// Questions never fail because a replica is dead or hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_replica_costs_nobody_an_answer() {
    let mut cluster = PostgresCluster::start(2);
    let store = store(&cluster).await;
    store.insert(&make::client("CL-a"), None).await.unwrap();
    cluster.wait_caught_up();
    cluster.replicas[0].stop(Stop::Immediate);
    for _ in 0..20 {
        assert!(ask(&store, "CL-a", Read::Eventual).await);
    }
    wait_well(&store, &[false, true]);
    cluster.replicas[1].freeze();
    for _ in 0..20 {
        let start = Instant::now();
        assert!(ask(&store, "CL-a", Read::Eventual).await);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    wait_well(&store, &[false, false]);
    cluster.replicas[1].thaw();
    cluster.replicas[0].start_again();
    wait_well(&store, &[true, true]);
}

/// Who asked a replica before it froze is answered by another server as soon as that is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn questions_leave_a_replica_that_is_lost() {
    let cluster = PostgresCluster::start(1);
    let store = store(&cluster).await;
    store.insert(&make::client("CL-a"), None).await.unwrap();
    cluster.wait_caught_up();
    wait_well(&store, &[true]);
    // It has a connection, so that the question is under way when nobody answers.
    assert!(ask(&store, "CL-a", Read::Eventual).await);
    let before = store.counts();
    cluster.replicas[0].freeze();
    let asked = Instant::now();
    assert!(ask(&store, "CL-a", Read::Eventual).await);
    // After three seconds it would have been given up in any case.
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let after = store.counts();
    assert_eq!((after.moved_reads, after.primary_reads), (before.moved_reads + 1, before.primary_reads + 1));
    cluster.replicas[0].thaw();
}

/// Replicas answer while the primary is away, as far as they know.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_replicas_answer() {
    let mut cluster = PostgresCluster::start(1);
    let store = store(&cluster).await;
    store.insert(&make::client("CL-a"), None).await.unwrap();
    cluster.wait_caught_up();
    wait_well(&store, &[true]);
    cluster.primary.stop(Stop::Immediate);
    for _ in 0..20 {
        assert!(ask(&store, "CL-a", Read::Eventual).await);
    }
    let latest = store.by_id(&make::client_id("CL-a"), Read::Latest).await;
    assert!(latest.is_err_and(|error| error.is_transient()));
}
