//! The primary is lost and a replica takes its place: what was stored is there, and batches go on.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::time::Duration;

use activity_adapter_postgres::{Options, PostgresStore, Server};
use activity_contract::make;
use activity_domain::port::{ActivitySink, Append, Appended, ClientRepo, Read};
use activity_testkit::{PostgresCluster, until};

const NOON: &str = "2026-03-10T12:00:00Z";

/// Whichever of the servers takes writes.
fn either(cluster: &PostgresCluster) -> Server {
    let (one, other) = (cluster.primary.address(), cluster.replicas[0].address());
    let (user, password, database) = (&one.user, &one.password, &one.database);
    let hosts = format!("{}:{},{}:{}", one.host, one.port, other.host, other.port);
    let url = format!("postgres://{user}:{password}@{hosts}/{database}?target_session_attrs=read-write");
    Server::parse(&url).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_goes_on_where_the_primary_was() {
    let mut cluster = PostgresCluster::start(1);
    let options = Options {
        replicas: vec![kit::server(cluster.replicas[0].address())],
        ..Options::new(either(&cluster))
    };
    let store = PostgresStore::new(options);
    let batch = |first| make::batch(make::stream(1), first, vec![make::call("CL-a", first.into(), NOON)]);
    let stored = || Ok(Append::Stored(Appended { stored: 1, ..Appended::default() }));
    store.insert(&make::client("CL-a"), None).await.unwrap();
    for first in 0..5 {
        assert_eq!(store.append(&batch(first)).await, stored());
    }
    cluster.wait_caught_up();
    cluster.primary.kill();
    assert!(store.append(&batch(5)).await.unwrap_err().is_transient());
    let lost = cluster.promote(0);
    until("the new primary takes batches", Duration::from_secs(20), || {
        let next = batch(5);
        let answer = store.append(&next);
        let answer = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(answer));
        match answer {
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                None
            }
            answer => {
                assert_eq!(answer, stored());
                Some(())
            }
        }
    });
    assert_eq!(store.append(&batch(2)).await, Ok(Append::Moved(6)), "nothing is stored twice");
    for read in [Read::Latest, Read::Eventual] {
        assert!(store.by_id(&make::client_id("CL-a"), read).await.unwrap().is_some());
    }
    assert_eq!(cluster.primary.sql("SELECT count(*) FROM activity"), "6");
    assert_eq!(store.counts().failovers, 1);
    drop(lost);
}
