//! A disk that fails: refused is refused, accepted is kept, and it goes on by itself when the disk does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, that is how it fails")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use activity_adapter_memory::MemoryStore;
use activity_domain::error::RecordError;
use activity_domain::port::Recorder;
use activity_ingest::disk::RealDisk;
use support::faulty::{Faulty, FaultyDisk, switch};
use support::{Draining, activities, drain, numbers, open_on};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let spool = open_on(folder.path(), 1, Arc::new(Faulty(disk.clone())), 64 << 20);
    let store = Arc::new(MemoryStore::default());
    let draining = Draining::start(&spool, &store);

    switch(&disk.is_full, true);
    assert!(matches!(spool.record(activities(0..5)).await, Err(RecordError::Failing(_))));
    assert!(spool.check().await.is_err(), "health sees it");
    switch(&disk.is_full, false);
    assert!(spool.check().await.is_ok());
    spool.record(activities(5..10)).await.unwrap();

    draining.finish().await;
    assert_eq!(numbers(&store.rows()), (5..10).collect::<Vec<_>>());
}

/// The worst case: the refused bytes are in the file, the sync failed, and the file cannot be cut.
async fn refused_bytes_stay_refused(with_drainer: bool) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    switch(&disk.fails_truncates, true);
    let spool = open_on(folder.path(), 1, Arc::new(Faulty(disk.clone())), 64 << 20);
    let store = Arc::new(MemoryStore::default());
    let draining = with_drainer.then(|| Draining::start(&spool, &store));

    spool.record(activities(0..5)).await.unwrap();
    switch(&disk.fails_syncs, true);
    assert!(matches!(spool.record(activities(5..10)).await, Err(RecordError::Failing(_))));
    switch(&disk.fails_syncs, false);
    assert_eq!(disk.created.load(Ordering::SeqCst), 1);
    spool.record(activities(10..15)).await.unwrap();
    assert_eq!(disk.created.load(Ordering::SeqCst), 2, "a segment whose sync failed is not used again");

    if let Some(draining) = draining {
        draining.finish().await;
    }
    drop(spool);
    // A crash and a new start see the same.
    drain(folder.path(), 2, &store).await;
    let expected: Vec<u64> = (0..5).chain(10..15).collect();
    assert_eq!(numbers(&store.rows()), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_is_not_repeated_and_its_events_are_not_stored() {
    refused_bytes_stay_refused(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_is_remembered_across_a_crash() {
    refused_bytes_stay_refused(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_group_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let spool = open_on(folder.path(), 1, Arc::new(Faulty(disk.clone())), 64 << 20);
    spool.record(activities(0..5)).await.unwrap();
    switch(&disk.fails_writes, true);
    assert!(spool.record(activities(5..50)).await.is_err());
    drop(spool);

    let store = Arc::new(MemoryStore::default());
    drain(folder.path(), 2, &store).await;
    assert_eq!(numbers(&store.rows()), (0..5).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_until_it_has_drained() {
    let folder = tempfile::tempdir().unwrap();
    // Segments of 1 MiB, room for three.
    let spool = open_on(folder.path(), 1, Arc::new(RealDisk), 3 << 20);
    let store = Arc::new(MemoryStore::default());
    let mut sent = 0;
    while spool.record(activities(sent..sent + 1_000)).await.is_ok() {
        sent += 1_000;
        assert!(sent < 100_000, "the spool never fills up");
    }
    assert!(spool.bytes() <= 3 << 20);
    assert_eq!(spool.record(activities(sent..sent + 1_000)).await, Err(RecordError::Full));
    while spool.record(activities(sent..sent + 10)).await.is_ok() {
        sent += 10;
    }
    assert_eq!(spool.check().await, Err(RecordError::Full), "health sees it");

    let draining = Draining::start(&spool, &store);
    let mut after = sent;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while spool.record(activities(after..after + 1_000)).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the spool never recovers");
        tokio::task::yield_now().await;
    }
    after += 1_000;
    draining.finish().await;
    assert_eq!(numbers(&store.rows()), (0..after).collect::<Vec<_>>());
    assert!(spool.bytes() <= 1 << 20, "segments that are used up are given back");
}

/// A health check meets the failing disk first, before any event.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_of_nothing_is_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let spool = open_on(folder.path(), 1, Arc::new(Faulty(disk.clone())), 64 << 20);
    let store = Arc::new(MemoryStore::default());
    switch(&disk.fails_syncs, true);
    assert!(spool.check().await.is_err());
    assert!(spool.check().await.is_err());
    switch(&disk.fails_syncs, false);
    assert!(spool.check().await.is_ok());
    spool.record(activities(0..5)).await.unwrap();
    Draining::start(&spool, &store).finish().await;
    assert_eq!(numbers(&store.rows()), (0..5).collect::<Vec<_>>());
}

/// A first segment that was opened for a health check is too small for the first group.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_larger_than_an_unused_segment_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    // Segments of 1 MiB.
    let spool = open_on(folder.path(), 1, Arc::new(RealDisk), 16 << 20);
    let store = Arc::new(MemoryStore::default());
    let draining = Draining::start(&spool, &store);
    spool.check().await.unwrap();
    spool.record(activities(0..15_000)).await.unwrap();
    assert!(spool.bytes() > 1 << 20);
    spool.record(activities(15_000..15_010)).await.unwrap();
    draining.finish().await;
    assert_eq!(numbers(&store.rows()), (0..15_010).collect::<Vec<_>>());
}
