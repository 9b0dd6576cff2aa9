//! A spool with a drainer over a store that may promote a standby, on a disk that may fail.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use activity_adapter_memory::MemoryStore;
use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Batch, Recorder};
use activity_ingest::{Spool, Totals};
use async_trait::async_trait;

use super::faulty::{Faulty, FaultyDisk, switch};
use super::{Draining, activities, open_on};

/// Longer than any test takes.
pub const LONG: Duration = Duration::from_hours(1);

/// The store, and how often it was asked where it stands.
pub struct Asked {
    store: Arc<MemoryStore>,
    pub times: AtomicU64,
}

#[async_trait]
impl ActivitySink for Asked {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        let position = self.store.position(stream).await;
        self.times.fetch_add(1, Ordering::SeqCst);
        position
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        self.store.append(batch).await
    }
}

pub struct Node {
    pub folder: PathBuf,
    pub disk: Arc<FaultyDisk>,
    pub store: Arc<MemoryStore>,
    pub asked: Arc<Asked>,
    pub spool: Spool,
    pub keep: Duration,
    draining: Option<Draining>,
    openings: u64,
    /// How many activities were recorded, by all openings.
    pub sent: u64,
}

impl Node {
    /// A node whose store has a standby.
    pub fn start(folder: &Path, keep: Duration) -> Self {
        Self::with_room(folder, keep, 64 << 20, 10)
    }

    /// A node with so much room, which stores so many events at a time.
    pub fn with_room(folder: &Path, keep: Duration, max_bytes: u64, max_batch: usize) -> Self {
        let (disk, store) = (Arc::new(FaultyDisk::default()), Arc::new(MemoryStore::default()));
        store.add_standby();
        let asked = Arc::new(Asked { store: store.clone(), times: AtomicU64::new(0) });
        let spool = open_on(folder, 1, Arc::new(Faulty(disk.clone())), max_bytes);
        let draining = Some(Draining::keeping(&spool, asked.clone(), keep, max_batch));
        Self { folder: folder.to_owned(), disk, store, asked, spool, keep, draining, openings: 1, sent: 0 }
    }

    /// Ends wherever it is.
    pub async fn crash(&mut self) {
        if let Some(draining) = self.draining.take() {
            draining.abort().await;
        }
        // Another folder in its place, so that this one's lock is free.
        let aside = tempfile::tempdir().unwrap();
        self.spool = open_on(aside.path(), 0, Arc::new(Faulty(self.disk.clone())), 64 << 20);
    }

    /// Starts again after a crash, with what the folder holds.
    pub fn restart(&mut self) {
        self.openings += 1;
        self.spool = open_on(&self.folder, self.openings, Arc::new(Faulty(self.disk.clone())), 64 << 20);
        self.draining = Some(Draining::keeping(&self.spool, self.asked.clone(), self.keep, 10));
    }

    pub async fn record(&mut self, count: u64) {
        self.spool.record(activities(self.sent..self.sent + count)).await.unwrap();
        self.sent += count;
    }

    /// Ends the segment that is being written, so that what is recorded next has another. The numbers of
    /// three refused frames are missing then.
    pub async fn rotate(&self) {
        switch(&self.disk.fails_syncs, true);
        assert!(self.spool.record(activities(900_000..900_003)).await.is_err());
        switch(&self.disk.fails_syncs, false);
        self.spool.check().await.unwrap();
    }

    /// Records, and ends the segment with it.
    pub async fn fill_segment(&mut self, count: u64) {
        self.record(count).await;
        self.rotate().await;
    }

    /// Waits until the store has all that was recorded.
    pub async fn stored(&self) {
        let is_stored = || self.spool.pending() == 0 && self.store.rows().len() as u64 == self.sent;
        self.wait("everything is stored", is_stored).await;
    }

    /// Waits until so many segments are kept.
    pub async fn kept(&self, count: usize) {
        self.wait("segments are kept", || files(&self.folder, "kept").len() == count).await;
    }

    /// Waits until the store has been asked so many times more.
    pub async fn asked(&self, more: u64) {
        let before = self.asked.times.load(Ordering::SeqCst);
        self.wait("it asks", || self.asked.times.load(Ordering::SeqCst) >= before + more).await;
    }

    /// Looks a bounded number of times, not for a bounded time: a machine may stop for a while.
    pub async fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let stored = self.store.rows().len();
        assert!(holds(), "not in time: {what}; {stored} of {} are stored", self.sent);
    }

    pub fn totals(&self) -> &Totals {
        self.draining.as_ref().unwrap().totals()
    }

    /// accepted + earlier = stored + duplicate + discarded + set aside + pending, once nothing is under way.
    pub fn assert_balance(&self) {
        let totals = self.totals();
        let done = totals.appended();
        let sum = done.stored + done.duplicate + done.discarded + done.set_aside + self.spool.pending();
        assert_eq!(self.spool.accepted() + totals.earlier(), sum, "{totals:?}");
        self.assert_account();
    }

    /// accepted + recovered = stored + duplicate + discarded + set aside + pending, at any moment.
    pub fn assert_account(&self) {
        let account = self.spool.account(self.totals());
        let done = account.drained;
        let sum = done.stored + done.duplicate + done.discarded + done.set_aside + account.pending;
        assert_eq!(account.accepted + account.recovered, sum, "{account:?} {:?}", self.totals());
    }

    /// Drains what is left and ends; the store has everything then.
    pub async fn finish(&mut self) {
        self.draining.take().unwrap().finish().await;
    }
}

/// Files of a kind in a folder, by name.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}
