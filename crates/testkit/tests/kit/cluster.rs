//! A primary with replicas: what they know and when, and that one can take over.

use std::time::{Duration, Instant};

use activity_testkit::{PostgresCluster, Stop, until};

const SOON: Duration = Duration::from_secs(40);
const COUNT: &str = "select count(*) from seen";

#[test]
fn replicas_follow_and_take_no_writes() {
    let begun = Instant::now();
    let cluster = PostgresCluster::start(2);
    println!("ready after {:?}", begun.elapsed());
    cluster.primary.sql("create table seen as select generate_series(1, 1000) as n");
    cluster.wait_caught_up();
    for replica in &cluster.replicas {
        assert_eq!(replica.sql(COUNT), "1000");
        let error = replica.try_sql("delete from seen").unwrap_err();
        assert!(error.contains("read-only transaction"), "{error}");
    }
    let slots = "select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots where active";
    assert_eq!(cluster.primary.sql(slots), "replica_1 replica_2");
}

#[test]
fn a_paused_replica_knows_the_past_only() {
    let cluster = PostgresCluster::start(1);
    let replica = &cluster.replicas[0];
    cluster.primary.sql("create table seen (n int)");
    cluster.wait_caught_up();
    replica.pause_replay();
    cluster.primary.sql("insert into seen values (1)");
    let written = cluster.primary.written();
    // It has received the row, so only the pause keeps it from knowing.
    let received = format!("select pg_last_wal_receive_lsn() >= '{written}'");
    until("the row to arrive", SOON, || (replica.sql(&received) == "t").then_some(()));
    assert_eq!(replica.sql(COUNT), "0");
    replica.resume_replay();
    replica.wait_replayed(&written);
    assert_eq!(replica.sql(COUNT), "1");
}

#[test]
fn a_replica_comes_back_and_catches_up() {
    let mut cluster = PostgresCluster::start(1);
    cluster.primary.sql("create table seen (n int)");
    cluster.replicas[0].kill();
    cluster.primary.sql("insert into seen values (1)");
    cluster.replicas[0].start_again();
    cluster.wait_caught_up();
    assert_eq!(cluster.replicas[0].sql(COUNT), "1");
    cluster.primary.stop(Stop::Fast);
    assert_eq!(cluster.replicas[0].sql(COUNT), "1", "a replica answers without its primary");
    cluster.primary.start_again();
    cluster.primary.sql("insert into seen values (2)");
    cluster.wait_caught_up();
    assert_eq!(cluster.replicas[0].sql(COUNT), "2");
}

#[test]
fn a_promoted_replica_takes_over() {
    let mut cluster = PostgresCluster::start(2);
    cluster.primary.sql("create table seen as select 1 as n");
    cluster.wait_caught_up();
    cluster.primary.kill();
    let begun = Instant::now();
    let mut old = cluster.promote(0);
    println!("promoted after {:?}", begun.elapsed());
    assert!(!old.is_running());
    cluster.primary.sql("insert into seen values (2)");
    cluster.wait_caught_up();
    assert_eq!(cluster.replicas.len(), 1);
    assert_eq!(cluster.replicas[0].sql(COUNT), "2");
    // The old one does not know that it was replaced.
    old.start_again();
    assert_eq!(old.sql("select count(*), pg_is_in_recovery() from seen"), "1|f");
}
