//! The drainer's promise: everything that was accepted reaches the sink exactly once, whatever fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, that is how it fails")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{MemoryStore, Times};
use activity_domain::port::{Appended, Recorder};
use activity_ingest::{DrainConfig, OpenError, Spool, SpoolConfig};
use proptest::prelude::*;
use support::{Draining, activities, activity, drain, numbers, open};

fn all(to: u64) -> Vec<u64> {
    (0..to).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    let spool = open(folder.path(), 1);
    let draining = Draining::start(&spool, &store);
    let receipt = spool.record(activities(0..25)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), spool.stored(receipt)).await.expect("is stored in time");
    assert_eq!(numbers(&store.rows()), all(25));
    draining.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_it_drains_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    let spool = open(folder.path(), 1);
    let config = DrainConfig::new(10_000, Duration::from_hours(1));
    let draining = Draining::with(&spool, store.clone(), config);
    let receipt = spool.record(activities(0..3)).await.unwrap();
    assert!(store.rows().is_empty(), "neither size nor interval is reached");
    tokio::time::timeout(Duration::from_secs(10), spool.stored(receipt)).await.expect("is drained at once");
    assert_eq!(numbers(&store.rows()), all(3));
    draining.abort().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_a_lost_answer_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    store.fail_appends(Times::Next(2));
    store.lose_answers(Times::Next(2));
    let spool = open(folder.path(), 1);
    let draining = Draining::start(&spool, &store);
    for batch in 0..5 {
        spool.record(activities(batch * 10..batch * 10 + 10)).await.unwrap();
    }
    draining.finish().await;
    assert_eq!(numbers(&store.rows()), all(50));
}

/// The attempt after a failure is smaller than the one that had gone through.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_answer_was_about_is_in_the_totals() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    store.lose_answers(Times::Next(1));
    let spool = open(folder.path(), 1);
    let first_backoff = Duration::from_millis(2);
    let config =
        DrainConfig { max_batch: 100, first_backoff, ..DrainConfig::new(100, Duration::from_millis(5)) };
    let draining = Draining::with(&spool, store.clone(), config);
    spool.record(activities(0..100)).await.unwrap();
    let totals = draining.finish().await;
    assert_eq!(numbers(&store.rows()), all(100));
    assert_eq!(totals, Appended { stored: 100, ..Appended::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_set_aside_and_its_neighbours_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    store.refuse_rows(|row| row.response_bytes == Some(7));
    let spool = open(folder.path(), 1);
    let draining = Draining::start(&spool, &store);
    spool.record(activities(0..20)).await.unwrap();
    draining.finish().await;
    let expected: Vec<u64> = all(20).into_iter().filter(|n| *n != 7).collect();
    assert_eq!(numbers(&store.rows()), expected);
    assert_eq!(store.set_aside().len(), 1);
    let kept = activity_ingest::codec::decode(&store.set_aside()[0].payload).unwrap();
    assert_eq!(kept, activity(7), "what was set aside can be read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), 1);
    let config = SpoolConfig { folder: folder.path().to_owned(), max_bytes: 64 << 20 };
    let second = Spool::open(
        &config,
        Arc::new(activity_ingest::disk::RealDisk),
        &activity_adapter_memory::SeededRandomness::new(2),
    );
    assert!(matches!(second, Err(OpenError::InUse(_))));
    drop(first);
    open(folder.path(), 3);
}

/// A copy of the folder from yesterday, put back: its events are recognised, the sequence numbers of
/// today's are not mistaken for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_older_folder_is_not_mistaken_for_a_drained_one() {
    let [folder, copy, second] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let store = Arc::new(MemoryStore::default());
    let spool = open(folder.path(), 1);
    spool.record(activities(0..10)).await.unwrap();
    copy_segments(folder.path(), copy.path());
    copy_segments(folder.path(), second.path());
    let draining = Draining::start(&spool, &store);
    spool.record(activities(10..20)).await.unwrap();
    draining.finish().await;
    drop(spool);

    let restored = open(copy.path(), 2);
    let draining = Draining::start(&restored, &store);
    restored.record(activities(20..30)).await.unwrap();
    draining.finish().await;
    assert_eq!(numbers(&store.rows()), all(30));
    drop(restored);

    // A store that has never seen the copy takes all of it.
    let empty = Arc::new(MemoryStore::default());
    drain(second.path(), 3, &empty).await;
    assert_eq!(numbers(&empty.rows()), all(10));
}

fn copy_segments(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The same segments in another folder. A read of a drainer that was aborted may still be under way, as
/// after no crash; what it deletes must not be what its successor counts on.
fn linked(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg")
            && let Err(error) = std::fs::hard_link(&path, to.path().join(path.file_name().unwrap()))
        {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "it may be gone by now");
        }
    }
    to
}

/// What can happen between two batches.
#[derive(Debug, Clone)]
enum Step {
    Record(u64),
    FailAppends(u64),
    LoseAnswers(u64),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..40).prop_map(Step::Record),
        1 => (1u64..2).prop_map(Step::FailAppends),
        1 => (1u64..2).prop_map(Step::LoseAnswers),
        2 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever fails in whatever order: in the end the store holds exactly what was accepted.
    #[test]
    fn accepted_is_stored_once_whatever_happens(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (rows, sent) = runtime.block_on(play(steps));
        prop_assert_eq!(rows, all(sent));
    }
}

async fn play(steps: Vec<Step>) -> (Vec<u64>, u64) {
    let mut folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    let (mut seed, mut sent) = (1, 0);
    let mut spool = open(folder.path(), seed);
    let mut draining = Draining::start(&spool, &store);
    for step in steps {
        match step {
            Step::Record(count) => {
                spool.record(activities(sent..sent + count)).await.unwrap();
                sent += count;
            }
            Step::FailAppends(times) => store.fail_appends(Times::Next(times)),
            Step::LoseAnswers(times) => store.lose_answers(Times::Next(times)),
            Step::Crash => {
                draining.abort().await;
                drop(spool);
                folder = linked(folder.path());
                seed += 1;
                spool = open(folder.path(), seed);
                draining = Draining::start(&spool, &store);
            }
        }
    }
    draining.finish().await;
    (numbers(&store.rows()), sent)
}
