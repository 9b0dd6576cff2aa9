//! What the sink makes the cache forget, and when.

use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{MemoryStore, Times};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Batch, Read, UsageRepo};
use activity_domain::service::ForgettingSink;
use async_trait::async_trait;

use crate::stack::{Stack, query};

fn calls(ids: std::ops::Range<u128>, time: &str) -> Vec<Activity> {
    ids.map(|id| make::call("CL-1", id, time)).collect()
}

/// The requests of the 10th and the 9th, as callers see them.
async fn counts(stack: &Stack) -> Vec<u64> {
    let page = stack.usage.daily(&query("2026-03-09", "2026-03-10"), Read::Eventual).await.unwrap();
    page.rows.iter().map(|row| row.summary.requests).collect()
}

/// The 9th and 10th with one call each, in the cache.
async fn warm() -> Stack {
    let stack = Stack::new();
    stack.append(calls(1..2, "2026-03-09T12:00:00Z")).await;
    stack.append(calls(1..2, "2026-03-10T12:00:00Z")).await;
    assert_eq!(counts(&stack).await, [1, 1]);
    assert_eq!(stack.calls(), 1);
    stack
}

#[tokio::test]
async fn only_the_day_of_the_event_is_computed_again() {
    let stack = warm().await;
    stack.append(calls(2..3, "2026-03-10T23:59:59Z")).await;
    assert_eq!(counts(&stack).await, [2, 1]);
    assert_eq!(stack.calls(), 2);
    assert_eq!(stack.cache.stats().await.unwrap().entries, 2);
}

#[tokio::test]
async fn what_was_there_already_makes_nothing_be_forgotten() {
    let stack = warm().await;
    let again = make::batch(make::stream(77), 0, calls(1..2, "2026-03-10T12:00:00Z"));
    assert!(matches!(stack.sink.append(&again).await, Ok(Append::Stored(appended)) if appended.stored == 0));
    assert_eq!(counts(&stack).await, [1, 1]);
    assert_eq!(stack.calls(), 1);
}

/// The store takes a batch and its answer is lost. The drainer tries again with a smaller one and learns
/// that the store stands further on: the days of the first one are forgotten then, all of them.
#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_settled_by_the_next() {
    let stack = warm().await;
    let both = [calls(2..3, "2026-03-09T12:00:00Z"), calls(2..3, "2026-03-10T12:00:00Z")].concat();
    let stream = make::stream(77);
    stack.store.lose_answers(Times::Next(1));
    assert!(stack.sink.append(&make::batch(stream, 0, both.clone())).await.is_err());
    let smaller = make::batch(stream, 0, both[..1].to_vec());
    assert_eq!(stack.sink.append(&smaller).await, Ok(Append::Moved(2)));
    assert_eq!(counts(&stack).await, [2, 2]);
}

/// A caller that goes away does not stop a store: with the next batch the days are forgotten.
#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_old_answers_behind() {
    let stack = warm().await;
    let sink = ForgettingSink::new(Arc::new(Hanging(stack.store.clone())), stack.cache.clone());
    let late = make::batch(make::stream(77), 0, calls(2..3, "2026-03-10T12:00:00Z"));
    assert!(tokio::time::timeout(Duration::from_millis(5), sink.append(&late)).await.is_err());
    assert_eq!(counts(&stack).await, [1, 1], "nobody has been told that it is stored");
    sink.append(&make::batch(make::stream(78), 0, Vec::new())).await.unwrap();
    assert_eq!(counts(&stack).await, [2, 1]);
}

/// Stores a batch and does not answer, unless there is nothing to store.
struct Hanging(Arc<MemoryStore>);

#[async_trait]
impl ActivitySink for Hanging {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.0.position(stream).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let appended = self.0.append(batch).await;
        if !batch.records.is_empty() {
            std::future::pending::<()>().await;
        }
        appended
    }
}
