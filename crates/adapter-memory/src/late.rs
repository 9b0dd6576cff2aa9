//! A store that tells what changes late: the reference for the port.

use std::sync::{Arc, Mutex, PoisonError};

use activity_domain::cache::{Changed, LateChange, Position};
use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Batch, Clock, Late, LateFeed, Record};
use activity_domain::span::{Minute, Span};
use async_trait::async_trait;
use tokio::sync::Mutex as AsyncMutex;

use crate::MemoryStore;

/// All changes are in one history.
const HISTORY: &str = "memory";
/// The minutes that are told of together.
const QUARTER: i64 = 15;

/// A [`MemoryStore`] that notes what its batches change late. What is changed by other ways than this is not told.
pub struct MemoryLateFeed {
    store: Arc<MemoryStore>,
    clock: Arc<dyn Clock>,
    /// One batch after the other, so that which rows are new is known.
    turn: AsyncMutex<()>,
    /// By number.
    changes: Mutex<Vec<Span>>,
}

impl MemoryLateFeed {
    /// What ends before the clock's time is late.
    pub fn new(store: Arc<MemoryStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, turn: AsyncMutex::default(), changes: Mutex::default() }
    }

    /// The quarter hours that rows of a batch would change, if it is stored now.
    fn late(&self, batch: &Batch) -> Vec<Span> {
        let over = self.clock.now().minute();
        let is_new = |record: &&Record| !self.store.has(&record.activity);
        let quarters = batch.records.iter().filter(is_new).map(|record| {
            let from = record.activity.at.minute().floor_to(QUARTER);
            Span { from, to: Minute(from.0 + QUARTER) }
        });
        let mut late: Vec<Span> = quarters.filter(|span| span.to.0 <= over.0).collect();
        late.sort_unstable_by_key(|span| span.from.0);
        late.dedup();
        late
    }
}

#[async_trait]
impl ActivitySink for MemoryLateFeed {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.store.position(stream).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let _turn = self.turn.lock().await;
        let late = self.late(batch);
        let appended = self.store.append(batch).await?;
        if matches!(appended, Append::Stored(_)) {
            self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(late);
        }
        Ok(appended)
    }
}

#[async_trait]
impl LateFeed for MemoryLateFeed {
    async fn late_since(&self, since: Option<&Position>) -> Result<Late, StoreError> {
        // A batch whose changes are not noted yet may be in the store.
        let _turn = self.turn.lock().await;
        let at = self.clock.now();
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let since = since.filter(|since| &*since.history == HISTORY);
        let first = since.map_or(0, |since| since.settled);
        let next = changes.len() as u64;
        let told = (0..).zip(changes.iter()).filter(|(no, _)| *no >= first);
        Ok(Late {
            position: Position { history: HISTORY.into(), settled: next, open: next, words: "".into() },
            at,
            changes: told.map(|(no, span)| LateChange { no, what: Changed::Minutes(*span) }).collect(),
            from: since.is_none().then_some(0),
        })
    }
}
