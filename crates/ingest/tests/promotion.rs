//! A standby is promoted that lacks the newest commits: nothing that is kept is lost, and nothing is
//! counted twice.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, that is how it fails")]

mod support;

use activity_adapter_memory::Times;
use proptest::prelude::*;
use support::node::{LONG, Node, files};
use support::numbers;

fn all(to: u64) -> Vec<u64> {
    (0..to).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_promotion_lost_comes_back_though_nothing_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    node.fill_segment(50).await;
    node.record(50).await;
    node.stored().await;
    node.kept(1).await;
    node.wait("the totals have it", || node.totals().appended().stored == 100).await;
    let lost = node.store.promote(8);
    assert!(lost > 50, "it reaches into the segment that is kept: {lost}");
    node.stored().await;
    node.wait("the totals have it", || node.totals().replayed() == lost as u64).await;
    assert_eq!(numbers(&node.store.rows()), all(100));
    assert_eq!(node.totals().appended().stored, 100, "an event is counted as stored once");
    assert_eq!((node.totals().missing(), node.spool.pending()), (0, 0));
    assert!(node.totals().went_back() > 0);
    node.assert_balance();
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_notices_before_any_check() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    for _ in 0..20 {
        node.fill_segment(20).await;
        node.stored().await;
        node.store.promote(3);
    }
    node.record(20).await;
    node.finish().await;
    assert_eq!(numbers(&node.store.rows()), all(420));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keep_time_the_segment_in_use_is_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), std::time::Duration::ZERO);
    node.record(50).await;
    node.stored().await;
    node.store.promote(3);
    node.record(10).await;
    node.stored().await;
    assert_eq!(node.totals().missing(), 0);
    assert!(files(&node.folder, "kept").is_empty());
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_earlier_openings_are_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    for _ in 0..3 {
        node.fill_segment(30).await;
        node.record(10).await;
        node.stored().await;
        node.crash().await;
        node.restart();
    }
    node.record(10).await;
    node.stored().await;
    // Three full ones, and three that were in use.
    node.kept(6).await;
    node.wait("the totals have it", || node.totals().appended().stored == 10).await;
    let lost = node.store.promote(usize::MAX);
    assert_eq!(lost as u64, node.sent);
    node.stored().await;
    node.wait("the totals have it", || node.totals().replayed() == lost as u64).await;
    assert_eq!(
        (node.totals().appended().stored, node.totals().earlier(), node.totals().missing()),
        (10, 0, 0)
    );
    node.assert_balance();
    node.kept(6).await;
    node.finish().await;
}

/// The store falls behind while the node is down, to a place in a segment that is kept. What follows in the
/// same stream must not be stored first, which would put the cursor past it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_comes_before_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    node.fill_segment(50).await;
    node.record(1).await;
    node.stored().await;
    node.kept(1).await;
    node.store.fail_appends(Times::UntilHealed);
    node.record(30).await;
    node.crash().await;
    // Turning the switches off would take the standby away.
    node.store.fail_appends(Times::Next(0));
    assert!(node.store.promote(2) > 1, "it reaches into the segment that is kept");
    node.restart();
    node.stored().await;
    node.wait("the totals have it", || node.totals().earlier() == 31).await;
    assert_eq!(node.totals().missing(), 0);
    node.assert_balance();
    node.finish().await;
}

/// A crash while it goes back: some segments have their old names already.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_going_back_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    for _ in 0..3 {
        node.fill_segment(20).await;
    }
    node.record(5).await;
    node.stored().await;
    node.kept(3).await;
    node.crash().await;
    assert_eq!(node.store.promote(usize::MAX), 65);
    for again in [[1].as_slice(), &[0, 2], &[2]] {
        for (at, kept) in files(&node.folder, "kept").iter().enumerate() {
            if again.contains(&at) {
                let name = kept.file_stem().unwrap().to_str().unwrap();
                let name = name.rsplitn(3, '-').last().unwrap();
                std::fs::rename(kept, kept.with_file_name(format!("{name}.seg"))).unwrap();
            }
        }
        node.restart();
        node.stored().await;
        // These, and the one that was in use.
        node.kept(4).await;
        assert_eq!(node.totals().missing(), 0);
        node.crash().await;
        assert_eq!(node.store.promote(usize::MAX), 65);
    }
}

/// What can happen to a node and its store.
#[derive(Debug, Clone)]
enum Step {
    Record(u64),
    Rotate,
    /// The store has everything.
    Settle,
    Promote(usize),
    FailAppends(u64),
    LoseAnswers(u64),
    Crash,
    /// A crash, and a promotion while the node is down.
    CrashAndPromote(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u64..40).prop_map(Step::Record),
        3 => Just(Step::Rotate),
        1 => Just(Step::Settle),
        2 => (1usize..12).prop_map(Step::Promote),
        1 => (1u64..3).prop_map(Step::FailAppends),
        1 => (1u64..3).prop_map(Step::LoseAnswers),
        1 => Just(Step::Crash),
        1 => (1usize..12).prop_map(Step::CrashAndPromote),
    ]
}

async fn play(node: &mut Node, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Record(count) => node.record(count).await,
            Step::Rotate => node.rotate().await,
            Step::Settle => node.stored().await,
            Step::Promote(lacking) => drop(node.store.promote(lacking)),
            Step::FailAppends(times) => node.store.fail_appends(Times::Next(times)),
            Step::LoseAnswers(times) => node.store.lose_answers(Times::Next(times)),
            Step::Crash => {
                node.crash().await;
                node.restart();
            }
            Step::CrashAndPromote(lacking) => {
                node.crash().await;
                node.store.promote(lacking);
                node.restart();
            }
        }
        node.assert_account();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is promoted whenever, and whatever else fails: in the end the store holds exactly what was
    /// accepted, nothing is missing, and the totals balance.
    #[test]
    fn promotions_lose_nothing_that_is_kept(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut node = Node::start(folder.path(), LONG);
            play(&mut node, steps).await;
            node.stored().await;
            node.wait("nothing is pending", || node.spool.pending() == 0).await;
            // The cursor may have to be brought up, too, and the newest answer may have been lost.
            if node.sent > 0 {
                node.asked(20).await;
            }
            let (rows, sent) = (numbers(&node.store.rows()), node.sent);
            prop_assert_eq!(rows, all(sent));
            prop_assert_eq!(node.totals().missing(), 0);
            node.assert_balance();
            prop_assert_eq!(node.totals().appended().duplicate, 0);
            node.finish().await;
            Ok(())
        })?;
    }
}

/// A segment that was opened and never used has nothing to go back to.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_segment_is_kept_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    node.rotate().await;
    node.crash().await;
    node.restart();
    node.record(11).await;
    node.stored().await;
    node.asked(10).await;
    assert_eq!(node.totals().went_back(), 0);
    node.finish().await;
}
