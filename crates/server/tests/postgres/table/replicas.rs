//! Replicas that stand still, in one way or the other.

use std::time::{Duration, Instant};

use activity_testkit::{Postgres, PostgresCluster};

use super::{Readers, Trial, either_of, seconds, while_it_lasts};
use crate::support::{Event, Ledger, Outcome, Random, until};
use crate::{LONG, readyz};

fn addresses(cluster: &PostgresCluster) -> String {
    let all = cluster.replicas.iter().map(Postgres::address);
    all.map(|address| format!("{}:{}", address.host, address.port)).collect::<Vec<_>>().join(",")
}

async fn answers(trial: &Trial, replica: &str, expected: bool) {
    until("the replica to be looked at", LONG, async || {
        (readyz(trial.node(), replica).await.1 == expected).then_some(())
    })
    .await;
}

/// Events show in usage all the same, and soon: whoever answered from the replica would never show them.
#[tokio::test(flavor = "multi_thread")]
async fn replay_is_paused() {
    let cluster = PostgresCluster::start(1);
    let address = cluster.primary.address();
    let replicas = addresses(&cluster);
    let mut trial = Trial::start(address, 1, &[("DATABASE_READ_REPLICAS", replicas.as_str())]).await;
    let carol = trial.node().register("carol", "client").await;
    let (mut ledger, mut random, mut slowest) = (Ledger::default(), Random(81), Duration::ZERO);
    let pauses = either_of(3, 20);
    for pause in 0..pauses {
        answers(&trial, "replica-1", true).await;
        cluster.replicas[0].pause_replay();
        for _ in 0..5 {
            let events = Event::several(3, &carol, &mut random);
            trial.node().record(&carol.key, &events, true).await;
            ledger.note(events, Outcome::Ok);
            let (stored, expected) = (Instant::now(), ledger.count(Outcome::Ok) as u64);
            until("what is stored to show", LONG, async || {
                let query = format!("days=10&clientId={}", carol.id);
                let shown: u64 = trial.node().daily(&query).await.values().map(|day| day.requests).sum();
                (shown == expected).then_some(())
            })
            .await;
            slowest = slowest.max(stored.elapsed());
        }
        answers(&trial, "replica-1", false).await;
        cluster.replicas[0].resume_replay();
        println!("pause {pause}: what is stored shows after {slowest:?} at most");
    }
    assert_eq!(trial.failures(), 0);
    trial.note(ledger);
    trial.end(&format!("{pauses} times paused, fresh after {slowest:?} at most")).await;
}

/// Committed transactions, of which each question is one. A server tells after a while.
fn transactions(server: &Postgres) -> i64 {
    server.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_frozen() {
    let cluster = PostgresCluster::start(2);
    let address = cluster.primary.address();
    let replicas = addresses(&cluster);
    let trial = Trial::start(address, 1, &[("DATABASE_READ_REPLICAS", replicas.as_str())]).await;
    answers(&trial, "replica-1", true).await;
    answers(&trial, "replica-2", true).await;
    let readers = Readers::start(trial.node(), &trial.accounts);
    let freezes = either_of(1, 4);
    for _ in 0..freezes {
        while_it_lasts(seconds(1, 5)).await;
        cluster.replicas[0].freeze();
        answers(&trial, "replica-1", false).await;
        while_it_lasts(seconds(2, 20)).await;
        cluster.replicas[0].thaw();
        answers(&trial, "replica-1", true).await;
        let before = transactions(&cluster.replicas[0]);
        until("questions to come back", LONG, async || {
            (transactions(&cluster.replicas[0]) > before + 50).then_some(())
        })
        .await;
    }
    let seen = readers.finish().await;
    let errors = seen.refused + seen.failed;
    assert!(seen.answered > 100 && errors * 1_000 <= seen.answered, "{seen:?}");
    assert_eq!(trial.failures(), 0);
    trial.end(&format!("{freezes} times frozen, {seen:?}")).await;
}
