//! Usage that changed.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::StreamId;
use crate::live::Hint;
use crate::port::{ActivitySink, Append, Batch, LiveFeed};

/// An [`ActivitySink`] that tells a feed whose usage changed, once a batch is stored.
pub struct TellingSink {
    sink: Arc<dyn ActivitySink>,
    feed: Arc<dyn LiveFeed>,
}

impl TellingSink {
    /// A sink beside a feed. What a cache has to forget is forgotten before: that belongs behind this.
    pub fn new(sink: Arc<dyn ActivitySink>, feed: Arc<dyn LiveFeed>) -> Self {
        Self { sink, feed }
    }
}

#[async_trait]
impl ActivitySink for TellingSink {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.sink.position(stream).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let append = self.sink.append(batch).await?;
        let is_change = match &append {
            Append::Stored(appended) => appended.stored > 0,
            // An attempt whose answer was lost may have been this batch.
            Append::Moved(_) => true,
        };
        if is_change && self.feed.is_wanted() {
            let clients: HashSet<_> = batch.records.iter().map(|record| &record.activity.client).collect();
            let hints: Vec<_> = clients.into_iter().cloned().map(Hint::Usage).collect();
            self.feed.hint(&hints);
        }
        Ok(append)
    }
}
