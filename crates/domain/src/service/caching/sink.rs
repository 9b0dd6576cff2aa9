//! What is stored makes the cache forget.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::cache::{Scope, Touched};
use crate::error::StoreError;
use crate::id::StreamId;
use crate::port::{ActivitySink, Append, Batch, UsageCache};

/// An [`ActivitySink`] that makes a cache forget what a batch changed, before it says that the batch is
/// stored: whoever has waited for that finds it in every answer.
///
/// It goes by the times of the batch's records. Where the store does not say whether a batch went in, the
/// batch's minutes are owed until it does, and where the cache cannot be told, until it can: both with the
/// next batch.
pub struct ForgettingSink {
    sink: Arc<dyn ActivitySink>,
    cache: Arc<dyn UsageCache>,
    owed: Mutex<Touched>,
}

impl ForgettingSink {
    /// A sink before a cache.
    pub fn new(sink: Arc<dyn ActivitySink>, cache: Arc<dyn UsageCache>) -> Self {
        Self { sink, cache, owed: Mutex::default() }
    }

    fn owed(&self) -> MutexGuard<'_, Touched> {
        // Nothing panics halfway through a change.
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forget(&self, mut debt: Debt<'_>) {
        debt.touched.merge(&mem::take(&mut self.owed()));
        if debt.touched.is_empty() || self.cache.forget(&Scope::Minutes(debt.touched.clone())).await.is_ok() {
            debt.is_paid = true;
        }
    }
}

#[async_trait]
impl ActivitySink for ForgettingSink {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.sink.position(stream).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let touched = batch.records.iter().map(|record| record.activity.at).collect();
        let mut debt = Debt { sink: self, touched, is_paid: false };
        let append = self.sink.append(batch).await?;
        if matches!(&append, Append::Stored(appended) if appended.stored == 0) {
            debt.touched = Touched::default();
        }
        self.forget(debt).await;
        Ok(append)
    }
}

/// What has to be forgotten. It stays owed if that does not come about, by an error or because the caller
/// went away, which does not stop a store.
struct Debt<'a> {
    sink: &'a ForgettingSink,
    touched: Touched,
    is_paid: bool,
}

impl Drop for Debt<'_> {
    fn drop(&mut self) {
        if !self.is_paid {
            self.sink.owed().merge(&self.touched);
        }
    }
}
