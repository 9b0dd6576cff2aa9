//! What an alert would look at when Postgres is away, or a replica.

#![allow(clippy::float_cmp, reason = "whole numbers are exact")]

use activity_testkit::{Postgres, PostgresCluster, Stop};

use crate::support::{Event, Random};
use crate::{LONG, started};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_primary_is_a_store_that_is_down_and_events_that_wait() {
    let mut postgres = Postgres::start();
    let mut node = started(postgres.address(), &[]).await;
    let ada = node.register("ada", "client").await;
    let mut random = Random(51);
    node.record(&ada.key, &Event::several(5, &ada, &mut random), true).await;
    let metrics = node.metrics().await;
    assert_eq!((metrics.get("activity_store_up"), metrics.get("activity_postgres_up")), (1.0, 1.0));
    assert!(metrics.sum("activity_postgres_pool_connections") > 0.0);

    postgres.stop(Stop::Immediate);
    node.record(&ada.key, &Event::several(7, &ada, &mut random), false).await;
    let metrics = node
        .shows("the loss", LONG, |metrics| {
            metrics.get("activity_postgres_up") == 0.0
                && metrics.get("activity_spool_oldest_waiting_seconds") > 1.0
                && metrics.get("activity_drain_retries_total") > 0.0
        })
        .await;
    assert_eq!(metrics.get("activity_store_up"), 0.0);
    assert!(metrics.get("activity_postgres_losses_total") >= 1.0);
    assert!(metrics.get("activity_store_errors_total{kind=\"unavailable\"}") >= 1.0);
    assert_eq!((metrics.get("activity_events_pending"), metrics.unaccounted()), (7.0, 0.0));

    // What waits is known to the next process before the database is.
    node.kill();
    node.start().await;
    let metrics =
        node.shows("what was left", LONG, |metrics| metrics.get("activity_events_recovered") > 0.0).await;
    assert!(metrics.get("activity_events_pending") >= 7.0 && metrics.unaccounted() == 0.0);
    assert!(metrics.get("activity_spool_oldest_waiting_seconds") > 0.0);
    assert_eq!(metrics.get("activity_postgres_up"), 0.0);
    postgres.start_again();
    let metrics = node
        .shows("the end", LONG, |metrics| {
            metrics.get("activity_postgres_up") == 1.0 && metrics.get("activity_events_pending") == 0.0
        })
        .await;
    // The store turns out to have the first five.
    assert_eq!((metrics.get("activity_events_recovered"), metrics.unaccounted()), (7.0, 0.0));
    assert_eq!(metrics.get("activity_store_up"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_is_not_asked_and_says_by_how_much() {
    let cluster = PostgresCluster::start(1);
    let replica = cluster.replicas[0].address();
    let place = format!("{}:{}", replica.host, replica.port);
    let node = started(cluster.primary.address(), &[("DATABASE_READ_REPLICAS", &place)]).await;
    let ada = node.register("ada", "client").await;
    let up = "activity_postgres_replica_up{replica=\"1\"}";
    let lag = "activity_postgres_replica_lag_bytes{replica=\"1\"}";
    node.shows("the replica", LONG, |metrics| metrics.get(up) == 1.0).await;
    cluster.replicas[0].pause_replay();
    node.record(&ada.key, &Event::several(50, &ada, &mut Random(52)), true).await;
    node.shows("the lag", LONG, |metrics| metrics.get(up) == 0.0 && metrics.get(lag) > 1_000.0).await;
    cluster.replicas[0].resume_replay();
    let metrics = node.shows("the replica", LONG, |metrics| metrics.get(up) == 1.0).await;
    assert!(metrics.get(lag) < 1_000_000.0);
    assert_eq!(metrics.get("activity_postgres_up"), 1.0, "the primary was there all the time");
}
