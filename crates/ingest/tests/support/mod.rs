//! What the tests of the spool share.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod faulty;
pub mod node;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{MemoryStore, SeededRandomness};
use activity_domain::activity::{Activity, Endpoint, Method, Status, Text};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::port::{ActivitySink, Appended};
use activity_domain::time::Timestamp;
use activity_ingest::disk::{Disk, RealDisk};
use activity_ingest::{DrainConfig, Drainer, Spool, SpoolConfig, Totals};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// An activity that differs from every other number's, in length too.
pub fn activity(number: u64) -> Activity {
    Activity {
        client: ClientId::parse("CL-test").unwrap(),
        id: ActivityId(Uuid::from_u128(u128::from(number) + 1)),
        at: Timestamp::from_seconds(1_700_000_000 + number.cast_signed()).unwrap(),
        endpoint: Endpoint::parse("/things").unwrap(),
        method: Method::parse("GET").unwrap(),
        status: Status::parse(200).unwrap(),
        response_time: None,
        ip: None,
        user_agent: Some(Text::parse(&"a".repeat(usize::try_from(number % 97).unwrap())).unwrap()),
        request_bytes: None,
        response_bytes: Some(number),
        error_message: None,
        metadata: None,
        audit: None,
    }
}

pub fn activities(numbers: std::ops::Range<u64>) -> Vec<Activity> {
    numbers.map(activity).collect()
}

/// The numbers behind rows, sorted.
pub fn numbers(rows: &[Activity]) -> Vec<u64> {
    let mut numbers: Vec<u64> = rows.iter().map(|row| row.response_bytes.unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

pub fn open(folder: &Path, seed: u64) -> Spool {
    open_on(folder, seed, Arc::new(RealDisk), 64 << 20)
}

pub fn open_on(folder: &Path, seed: u64, disk: Arc<dyn Disk>, max_bytes: u64) -> Spool {
    let config = SpoolConfig { folder: folder.to_owned(), max_bytes };
    Spool::open(&config, disk, &SeededRandomness::new(seed)).unwrap()
}

/// A drainer at work, on a runtime of its own, which can be ended as a whole.
pub struct Draining {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    runtime: Runtime,
    totals: Arc<Totals>,
}

impl Draining {
    pub fn start(spool: &Spool, store: &Arc<MemoryStore>) -> Self {
        let config = DrainConfig::new(10, Duration::from_millis(5));
        let first_backoff = Duration::from_millis(2);
        Self::with(spool, store.clone(), DrainConfig { first_backoff, ..config })
    }

    /// With segments that are kept, and a store that is asked often where it stands.
    pub fn keeping(spool: &Spool, sink: Arc<dyn ActivitySink>, keep: Duration, max_batch: usize) -> Self {
        let config = DrainConfig::new(10, Duration::from_millis(5)).keeping(keep);
        let (first_backoff, check_every) = (Duration::from_millis(2), Duration::from_millis(5));
        Self::with(spool, sink, DrainConfig { first_backoff, check_every, max_batch, ..config })
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    pub fn with(spool: &Spool, sink: Arc<dyn ActivitySink>, config: DrainConfig) -> Self {
        let (stop, stopped) = watch::channel(false);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let drainer = Drainer::new(spool, sink, config);
        let totals = drainer.totals();
        let task = runtime.spawn(drainer.run(stopped));
        Self { stop, task, runtime, totals }
    }

    /// Stops once everything is drained; returns how it split up.
    pub async fn finish(self) -> Appended {
        self.stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(30), self.task).await.expect("drains in time").unwrap();
        self.runtime.shutdown_background();
        self.totals.appended()
    }

    /// Ends it wherever it is, as a crash does: what it was reading on another thread has come to its end
    /// too, and deletes no segment under the next one's eyes.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
        let end = move || self.runtime.shutdown_timeout(Duration::from_secs(30));
        tokio::task::spawn_blocking(end).await.unwrap();
    }
}

/// Everything that a folder holds, drained into a store.
pub async fn drain(folder: &Path, seed: u64, store: &Arc<MemoryStore>) {
    let spool = open(folder, seed);
    Draining::start(&spool, store).finish().await;
}
