//! What is kept of what is stored: for how long, at whose cost, and what becomes of it when it is damaged.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, that is how it fails")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use activity_domain::error::RecordError;
use activity_domain::port::Recorder;
use activity_ingest::DrainConfig;
use activity_ingest::disk::{Disk, RealDisk, SegmentFile};
use activity_ingest::segment::Segment;
use support::node::{LONG, Node, files};
use support::{Draining, activities, numbers, open_on};

fn kept(folder: &Path) -> Vec<PathBuf> {
    files(folder, "kept")
}

/// A node with three kept segments of 20 activities each, and one in use.
async fn with_three_kept(folder: &Path, keep: Duration) -> Node {
    let mut node = Node::start(folder, keep);
    for _ in 0..3 {
        node.fill_segment(20).await;
    }
    node.record(5).await;
    node.stored().await;
    node.kept(3).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_goes_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), Duration::from_millis(1));
    node.fill_segment(20).await;
    node.record(5).await;
    node.stored().await;
    node.wait("it is gone", || kept(folder.path()).is_empty() && files(folder.path(), "seg").len() == 1)
        .await;
    assert_eq!((node.spool.pending(), node.spool.kept_bytes()), (0, 0));
    node.finish().await;
}

/// An outage may end with a promotion.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_before_the_store_says_that_it_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    node.store.cut_off();
    node.keep = Duration::ZERO;
    node.restart();
    node.asked(10).await;
    assert_eq!(kept(folder.path()).len(), 3);
    node.store.heal();
    node.wait("it is gone", || kept(folder.path()).is_empty()).await;
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_is_kept_and_drains_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    let before = kept(folder.path());
    let commits = node.store.commits();
    node.crash().await;
    node.restart();
    node.asked(10).await;
    node.kept(4).await;
    assert!(before.iter().all(|file| file.exists()), "neither renamed nor deleted");
    assert_eq!((node.store.commits(), node.totals().earlier(), node.spool.pending()), (commits, 0, 0));
    node.finish().await;
}

/// The keep time was set to zero since: kept segments go, the oldest first, so that a crash in between leaves
/// no hole.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_keep_time_what_was_kept_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    node.keep = Duration::ZERO;
    node.restart();
    node.finish().await;
    assert!(kept(folder.path()).is_empty() && files(folder.path(), "seg").is_empty());
    assert_eq!(node.store.rows().len(), 65);
}

/// ... but not before the store has what it lacks of it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_keep_time_what_was_kept_is_still_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    assert!(node.store.promote(5) > 25);
    node.keep = Duration::ZERO;
    node.restart();
    node.finish().await;
    assert!(kept(folder.path()).is_empty() && files(folder.path(), "seg").is_empty());
    assert_eq!(node.store.rows().len(), 65);
}

/// One who is told to stop at once, as `admin drain` is, waits for a store that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_comes_after_the_first_check() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    std::fs::remove_file(&files(folder.path(), "seg")[0]).unwrap();
    node.store.promote(usize::MAX);
    node.store.cut_off();
    let spool = open_on(folder.path(), 9, Arc::new(RealDisk), 64 << 20);
    let ending = tokio::spawn(Draining::keeping(&spool, node.asked.clone(), Duration::ZERO, 10).finish());
    node.asked(2).await;
    node.store.heal();
    ending.await.unwrap();
    assert_eq!(node.store.rows().len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_do_not_put_a_batch_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), LONG);
    node.record(1).await;
    node.stored().await;
    node.crash().await;
    let spool = open_on(folder.path(), 9, Arc::new(RealDisk), 64 << 20);
    let config = DrainConfig::new(100, Duration::from_millis(100)).keeping(LONG);
    let config = DrainConfig { check_every: Duration::from_millis(1), ..config };
    let draining = Draining::with(&spool, node.asked.clone(), config);
    // What was there is due at once; that is over now.
    node.kept(1).await;
    node.asked(3).await;
    spool.record(activities(1..3)).await.unwrap();
    node.wait("it is due by its age", || node.store.rows().len() == 3).await;
    draining.finish().await;
}

/// After the commit and before the segment has its new name.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_it_is_kept_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    for file in &kept(folder.path())[1..] {
        let (segment, _) = Segment::recognise_kept(file).unwrap();
        std::fs::rename(file, segment.waiting_path()).unwrap();
    }
    let commits = node.store.commits();
    node.restart();
    node.kept(4).await;
    assert_eq!((node.store.commits(), node.totals().earlier()), (commits, 0));
    node.finish().await;
}

/// Sets the time in a kept segment's name.
fn set_seconds(file: &Path, seconds: u64) {
    let (segment, mut name) = Segment::recognise_kept(file).unwrap();
    name.seconds = seconds;
    std::fs::rename(file, segment.kept_path(name)).unwrap();
}

fn seconds(file: &Path) -> u64 {
    Segment::recognise_kept(file).unwrap().1.seconds
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_put_back_keeps_nothing_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    let [first, second, _] = kept(folder.path()).try_into().unwrap();
    // Long ago, and in a year's time, as seen by the clock of today.
    set_seconds(&first, now() - 2 * LONG.as_secs());
    set_seconds(&second, now() + 365 * 24 * LONG.as_secs());
    node.restart();
    node.wait("the first is gone", || {
        kept(folder.path()).len() == 3 && files(folder.path(), "seg").is_empty()
    })
    .await;
    assert!(kept(folder.path()).iter().all(|file| seconds(file) <= now()), "new as of today");
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_any_more_is_counted_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    std::fs::remove_file(&kept(folder.path())[0]).unwrap();
    node.restart();
    node.asked(5).await;
    assert_eq!(node.totals().missing(), 0, "nobody needs it");
    node.store.promote(usize::MAX);
    node.wait("the rest is there", || node.store.rows().len() == 45).await;
    assert_eq!(node.totals().missing(), 20);
    node.asked(10).await;
    assert_eq!((node.totals().missing(), node.totals().went_back()), (20, 1), "it is said once");
    node.finish().await;
}

/// Somebody deletes a file under a running server.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_file_that_is_not_there_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    std::fs::remove_file(&kept(folder.path())[1]).unwrap();
    node.store.promote(usize::MAX);
    node.wait("the rest is there", || node.store.rows().len() == 45).await;
    assert_eq!(node.totals().missing(), 20);
    node.finish().await;
}

/// Damage costs what it hits, also at a segment's end, where no later number shows that one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_kept_segment_costs_what_the_damage_hit() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    for (file, hit) in kept(folder.path()).iter().zip([0, 10, 19]) {
        let mut bytes = std::fs::read(file).unwrap();
        let mut at = activity_ingest::segment::HEADER;
        for _ in 0..hit {
            at += 16 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        }
        bytes[at + 20] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    node.store.promote(usize::MAX);
    node.restart();
    node.record(5).await;
    node.wait("the rest is there", || node.store.rows().len() == 67).await;
    node.kept(4).await;
    assert_eq!((node.totals().missing(), node.totals().damaged()), (3, 3));
    let went_back = node.totals().went_back();
    node.asked(20).await;
    assert_eq!(node.totals().went_back(), went_back, "what cannot be brought is not tried for ever");
    node.store.promote(usize::MAX);
    node.wait("the rest is there again", || node.store.rows().len() == 67).await;
    assert_eq!(node.totals().damaged(), 3, "a place is counted once");
    assert_eq!(files(&folder.path().join("quarantine"), "bad").len(), 3);
    node.finish().await;
}

/// A block of the disk that cannot be read: here, a folder in a segment's place.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_segment_that_cannot_be_read_does_not_hold_up_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    let file = &kept(folder.path())[1];
    std::fs::remove_file(file).unwrap();
    std::fs::create_dir(file).unwrap();
    node.store.promote(usize::MAX);
    node.record(5).await;
    node.wait("the rest is there", || node.store.rows().len() == 50).await;
    assert_eq!(node.totals().missing(), 20);
    assert_eq!(files(&folder.path().join("quarantine"), "seg").len(), 1);
    node.finish().await;
}

/// A segment that was copied while it was given its new name is there twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_copy_of_a_kept_segment_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    let file = &kept(folder.path())[1];
    let (segment, _) = Segment::recognise_kept(file).unwrap();
    std::fs::copy(file, segment.waiting_path()).unwrap();
    node.store.promote(usize::MAX);
    node.restart();
    node.stored().await;
    assert_eq!(node.totals().missing(), 0);
    node.finish().await;
}

/// Kept segments are the first to go, and keeping refuses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn room_is_made_at_the_cost_of_what_is_kept_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    // Segments of 1 MiB, room for four.
    let mut node = Node::with_room(folder.path(), LONG, 4 << 20, 5_000);
    let mut newest = 0;
    for _ in 0..30 {
        node.record(2_000).await;
        node.stored().await;
        assert!(node.spool.bytes() <= 4 << 20);
        let found = kept(folder.path()).into_iter().filter_map(|file| Segment::recognise_kept(&file));
        let ranges: Vec<_> = found.map(|(segment, name)| (segment.first, name.next)).collect();
        assert!(ranges.windows(2).all(|two| two[0].1 == two[1].0), "the newest stay: {ranges:?}");
        newest = ranges.last().map_or(newest, |range| range.1);
    }
    assert!(kept(folder.path()).len() > 1, "there is room for some");
    assert!(newest > 40_000, "more was written than there is room for: {newest}");
    node.finish().await;
}

/// What is not stored yet is not at their cost.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::with_room(folder.path(), LONG, 4 << 20, 5_000);
    node.record(20_000).await;
    node.record(2_000).await;
    node.stored().await;
    node.kept(1).await;
    node.store.fail_appends(activity_adapter_memory::Times::UntilHealed);
    let refused = loop {
        let batch = activities(node.sent..node.sent + 2_000);
        match node.spool.record(batch).await {
            Ok(_) => node.sent += 2_000,
            Err(error) => break error,
        }
        assert!(node.sent < 200_000, "the spool never fills up");
    };
    assert_eq!(refused, RecordError::Full);
    assert!(kept(folder.path()).is_empty(), "they went first");
    node.store.fail_appends(activity_adapter_memory::Times::Next(0));
    node.stored().await;
    node.finish().await;
}

/// A disk that is full as long as anything is kept in a folder.
struct Crowded(PathBuf);

impl Disk for Crowded {
    fn create(&self, path: &Path, len: u64) -> std::io::Result<Box<dyn SegmentFile>> {
        if !kept(&self.0).is_empty() {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        RealDisk.create(path, len)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_three_kept(folder.path(), LONG).await;
    node.crash().await;
    let spool = open_on(folder.path(), 9, Arc::new(Crowded(folder.path().to_owned())), 64 << 20);
    let draining = Draining::keeping(&spool, node.store.clone(), LONG, 10);
    spool.record(activities(65..70)).await.unwrap();
    draining.finish().await;
    assert_eq!(numbers(&node.store.rows()), (0..70).collect::<Vec<_>>());
}
