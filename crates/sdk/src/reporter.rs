//! Takes events without waiting, and brings them to the tracker from a thread of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::backlog::Backlog;
use crate::client::{Client, Error};
use crate::event::Event;
use crate::worker::Worker;

/// How a reporter works. The defaults are for a service with up to some thousand calls a second.
#[derive(Debug, Clone)]
pub struct Options {
    /// Events that may wait in memory; more are dropped and counted.
    pub capacity: usize,
    /// Events in one request, at most 10,000.
    pub batch: usize,
    /// The longest that an event waits for others to go with it.
    pub interval: Duration,
    /// The longest that the end of a reporter takes to send what is left.
    pub grace: Duration,
    /// A folder for what cannot be sent: events wait there across restarts, and are sent by the next reporter with this
    /// folder. One reporter at a time may use it.
    pub spool: Option<PathBuf>,
    /// The most that waits in that folder, in bytes; more is dropped and counted.
    pub spool_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            batch: 500,
            interval: Duration::from_millis(500),
            grace: Duration::from_secs(5),
            spool: None,
            spool_bytes: 256 << 20,
        }
    }
}

/// What became of the events that were reported. Those that are in none of the other numbers are still on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Given to the reporter, those included that were dropped.
    pub reported: u64,
    /// Found in the spool's folder at the start.
    pub recovered: u64,
    /// Durable at the tracker.
    pub delivered: u64,
    /// Not taken by the tracker; the log says why.
    pub rejected: u64,
    /// Dropped because too many waited already.
    pub dropped: u64,
    /// Left over at the end, with no spool to wait in.
    pub lost: u64,
    /// Left in the spool's folder at the end.
    pub spooled: u64,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub reported: AtomicU64,
    pub recovered: AtomicU64,
    pub delivered: AtomicU64,
    pub rejected: AtomicU64,
    pub dropped: AtomicU64,
    pub lost: AtomicU64,
    pub spooled: AtomicU64,
}

/// Adds to a count.
pub(crate) fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(more as u64, Ordering::Relaxed);
}

impl Counts {
    fn totals(&self) -> Totals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            reported: read(&self.reported),
            recovered: read(&self.recovered),
            delivered: read(&self.delivered),
            rejected: read(&self.rejected),
            dropped: read(&self.dropped),
            lost: read(&self.lost),
            spooled: read(&self.spooled),
        }
    }
}

/// Takes events at once and sends them later. Clones are the same reporter; the last one to go sends what is left,
/// for [`Options::grace`] at most. In async code, end it by [`Reporter::shut_down`] instead, which does not block.
#[derive(Clone)]
pub struct Reporter(Arc<Inner>);

struct Inner {
    counts: Arc<Counts>,
    queue: mpsc::Sender<Message>,
    /// Until when what is left may be sent, once the reporter ends.
    end: watch::Sender<Option<Instant>>,
    grace: Duration,
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) enum Message {
    Report(Box<Event>),
    /// To be told when all before it has been sent, or put into the spool.
    Flush(oneshot::Sender<()>),
}

impl Reporter {
    /// Starts a reporter. It works on a thread and runtime of its own, so that it needs neither of yours.
    pub fn start(client: Client, options: Options) -> Result<Self, Error> {
        let failed = |what: &'static str| move |source| Error::System { what, source };
        let counts = Arc::new(Counts::default());
        let backlog = Backlog::open(options.spool.as_deref(), options.spool_bytes, &counts);
        let backlog = backlog.map_err(failed("the folder for what cannot be sent"))?;
        let (queue, messages) = mpsc::channel(options.capacity.max(1));
        let (end, ended) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed("a runtime"))?;
        let grace = options.grace;
        let worker = Worker::new(client, options, counts.clone(), backlog, messages, ended);
        let thread = std::thread::Builder::new().name("activity-reporter".to_owned());
        let thread = thread.spawn(move || runtime.block_on(worker.run())).map_err(failed("a thread"))?;
        Ok(Self(Arc::new(Inner { counts, queue, end, grace, thread: Mutex::new(Some(thread)) })))
    }

    /// Takes an event; false if it was dropped, because too many wait already or the reporter has ended. Never waits.
    pub fn report(&self, event: Event) -> bool {
        add(&self.0.counts.reported, 1);
        let is_taken = self.0.queue.try_send(Message::Report(Box::new(event))).is_ok();
        if !is_taken {
            add(&self.0.counts.dropped, 1);
        }
        is_taken
    }

    /// Waits until what was reported before has been sent, or is in the spool's folder. While the tracker is away and
    /// there is no such folder, that may be long: bound it by a time-out.
    pub async fn flush(&self) {
        let (told, done) = oneshot::channel();
        if self.0.queue.send(Message::Flush(told)).await.is_ok() {
            // An error means that the reporter has ended, and with it everything before.
            let _ = done.await;
        }
    }

    /// Ends the reporter, for all clones, and says what became of everything.
    pub async fn shut_down(self) -> Totals {
        let inner = self.0.clone();
        // Waiting for the thread blocks.
        let ended = tokio::task::spawn_blocking(move || inner.end()).await;
        if ended.is_err() {
            tracing::error!("the reporter's end could not be waited for");
        }
        self.totals()
    }

    /// What became of the events so far.
    pub fn totals(&self) -> Totals {
        self.0.counts.totals()
    }
}

impl Inner {
    fn end(&self) {
        self.end.send_replace(Some(Instant::now() + self.grace));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the reporter's thread has panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}
