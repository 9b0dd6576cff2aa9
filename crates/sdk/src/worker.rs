//! The thread behind a reporter.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::backlog::Backlog;
use crate::client::{Client, Delivery};
use crate::event::Event;
use crate::reporter::{Counts, Message, Options, add};

/// The first wait after a failure; each one more doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest.
const LAST_WAIT: Duration = Duration::from_secs(30);

/// Gathers events into batches and sends them, one request at a time.
pub struct Worker {
    client: Client,
    options: Options,
    counts: Arc<Counts>,
    backlog: Backlog,
    messages: mpsc::Receiver<Message>,
    end: watch::Receiver<Option<std::time::Instant>>,
    gathered: Vec<Event>,
    /// When what is gathered has to go.
    due: Option<Instant>,
    waiting: Vec<oneshot::Sender<()>>,
    failures: u32,
    /// When to try again.
    retry: Instant,
}

impl Worker {
    pub fn new(
        client: Client,
        options: Options,
        counts: Arc<Counts>,
        backlog: Backlog,
        messages: mpsc::Receiver<Message>,
        end: watch::Receiver<Option<std::time::Instant>>,
    ) -> Self {
        let options = Options { batch: options.batch.clamp(1, 10_000), ..options };
        let (gathered, due, waiting) = (Vec::new(), None, Vec::new());
        let retry = Instant::now();
        Self { client, options, counts, backlog, messages, end, gathered, due, waiting, failures: 0, retry }
    }

    /// Works until the reporter ends.
    pub async fn run(mut self) {
        let mut end = self.end.clone();
        loop {
            // Everything here may be given up at any time: a message is in the channel or is taken.
            tokio::select! {
                biased;
                _ = told(&mut end) => break,
                () = due(self.is_full(), self.due) => self.send_gathered().await,
                () = sleep_until(self.retry), if !self.backlog.is_empty() => self.send_oldest().await,
                message = self.messages.recv(), if self.backlog.has_room() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
            }
            self.tell_waiting();
        }
        self.finish().await;
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Report(event) => {
                self.gathered.push(*event);
                self.due.get_or_insert_with(|| Instant::now() + self.options.interval);
            }
            Message::Flush(waiting) => {
                self.waiting.push(waiting);
                if !self.gathered.is_empty() {
                    self.due = Some(Instant::now());
                }
            }
        }
    }

    /// Tells those who wait, once nothing waits in memory.
    fn tell_waiting(&mut self) {
        if self.gathered.is_empty() && (self.backlog.is_empty() || self.backlog.is_durable()) {
            for waiting in self.waiting.drain(..) {
                // Whoever has stopped waiting need not be told.
                let _ = waiting.send(());
            }
        }
    }

    fn is_full(&self) -> bool {
        self.gathered.len() >= self.options.batch
    }

    /// Sends what is gathered, or puts it behind what waits.
    async fn send_gathered(&mut self) {
        self.due = None;
        let batch = std::mem::take(&mut self.gathered);
        let is_up = self.backlog.is_empty();
        let rest = if is_up { self.send(batch).await } else { batch };
        self.keep(rest);
    }

    fn keep(&mut self, batch: Vec<Event>) {
        if !batch.is_empty()
            && let Err(batch) = self.backlog.push(batch)
        {
            add(&self.counts.dropped, batch.len());
        }
    }

    /// Sends the batch that waits longest.
    async fn send_oldest(&mut self) {
        let Some(oldest) = self.backlog.oldest() else { return };
        let Ok(batch) = oldest.map_err(|events| add(&self.counts.rejected, events)) else { return };
        let size = batch.len();
        let rest = self.send(batch).await;
        if rest.is_empty() {
            self.backlog.pop();
        } else if rest.len() < size {
            self.backlog.shorten(rest);
        }
    }

    /// Sends a batch, in parts where it is too large. Gives back what has to be sent again.
    async fn send(&mut self, batch: Vec<Event>) -> Vec<Event> {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            match self.deliver(&part).await {
                Delivery::Taken { rejected } => self.taken(part.len(), &rejected),
                Delivery::TooLarge if part.len() > 1 => {
                    parts.push(part.split_off(part.len() / 2));
                    parts.push(part);
                }
                Delivery::TooLarge => self.refused(part.len(), "one event is too large"),
                Delivery::Refused { reason } => self.refused(part.len(), &reason),
                Delivery::Later { wait, reason } => {
                    self.failed(wait, &reason);
                    parts.push(part);
                    return parts.into_iter().flatten().collect();
                }
            }
        }
        Vec::new()
    }

    /// One request, which ends with the time that the reporter has left.
    async fn deliver(&self, part: &[Event]) -> Delivery {
        let mut end = self.end.clone();
        let over = async {
            let end = told(&mut end).await;
            sleep_until(end.into()).await;
        };
        tokio::select! {
            delivery = self.client.deliver(part) => delivery,
            () = over => Delivery::Later { wait: None, reason: "there was no time left".to_owned() },
        }
    }

    fn taken(&mut self, events: usize, rejected: &[String]) {
        if self.failures > 0 {
            tracing::info!("the tracker takes events again");
        }
        self.failures = 0;
        self.retry = Instant::now();
        add(&self.counts.delivered, events.saturating_sub(rejected.len()));
        if let Some(reason) = rejected.first() {
            add(&self.counts.rejected, rejected.len());
            tracing::warn!(events = rejected.len(), reason, "the tracker does not take some events");
        }
    }

    fn refused(&mut self, events: usize, reason: &str) {
        add(&self.counts.rejected, events);
        tracing::warn!(events, reason, "the tracker does not take a batch");
    }

    fn failed(&mut self, wait: Option<Duration>, reason: &str) {
        if self.failures == 0 {
            tracing::warn!(reason, "events cannot be sent; they wait");
        }
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LAST_WAIT);
        // Up to a quarter less, so that many reporters do not come back at once.
        let share = 1.0 - f64::from(uuid::Uuid::now_v7().as_bytes()[15]) / 1_024.0;
        self.failures = self.failures.saturating_add(1);
        self.retry = Instant::now() + wait.unwrap_or(doubled.mul_f64(share));
    }

    /// Sends what is left, for as long as there is.
    async fn finish(mut self) {
        self.messages.close();
        // In the folder it would wait for the next start: the first try is now all the same.
        self.retry = Instant::now();
        let deadline = self.deadline();
        loop {
            self.gather();
            if self.gathered.is_empty() && self.backlog.is_empty() {
                break;
            }
            sleep_until(self.retry.min(deadline)).await;
            if Instant::now() >= deadline {
                break;
            }
            if self.backlog.is_empty() {
                let batch = std::mem::take(&mut self.gathered);
                self.gathered = self.send(batch).await;
            } else {
                self.send_oldest().await;
            }
            self.tell_waiting();
            if self.backlog.is_durable() && self.failures > 0 {
                break;
            }
        }
        self.leave();
    }

    /// Takes what is in the channel, up to a batch.
    fn gather(&mut self) {
        while !self.is_full()
            && let Ok(message) = self.messages.try_recv()
        {
            self.take(message);
        }
    }

    /// Until when what is left may be sent; far away while the reporter goes on.
    fn deadline(&self) -> Instant {
        let far = Instant::now() + Duration::from_hours(24);
        (*self.end.borrow()).map_or(far, Instant::from_std)
    }

    /// Keeps what could not be sent, or counts it as lost.
    fn leave(mut self) {
        loop {
            self.gather();
            let batch = std::mem::take(&mut self.gathered);
            if batch.is_empty() {
                break;
            }
            if !self.backlog.is_durable() {
                add(&self.counts.lost, batch.len());
            } else if let Err(batch) = self.backlog.push(batch) {
                add(&self.counts.dropped, batch.len());
            }
        }
        let left = self.backlog.len();
        add(if self.backlog.is_durable() { &self.counts.spooled } else { &self.counts.lost }, left);
    }
}

/// When the reporter has to be over, once it is to end.
async fn told(end: &mut watch::Receiver<Option<std::time::Instant>>) -> std::time::Instant {
    match end.wait_for(Option::is_some).await.map(|end| *end) {
        Ok(Some(end)) => end,
        // Whoever could tell is gone.
        _ => std::time::Instant::now(),
    }
}

/// Returns when what is gathered has to go: at once if it is a batch.
async fn due(is_full: bool, due: Option<Instant>) {
    match due {
        _ if is_full => {}
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
