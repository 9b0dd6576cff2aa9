//! Activities, stored exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;

use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Batch, Read};
use async_trait::async_trait;

use crate::batch;
use crate::days::{self, Day};
use crate::error::{Ending, Failure, is_known_row, is_missing_day, may_be_a_row};
use crate::store::PostgresStore;

/// How rows are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// All at once, without a look for those that are there already. One that is there, or that the database
    /// refuses, fails all.
    AsNew,
    /// All at once. One that the database refuses fails all.
    Together,
    /// Each for itself.
    OneByOne,
}

#[async_trait]
impl ActivitySink for PostgresStore {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        let position = self.read(Read::Latest, move |c| {
            Box::pin(async move { Ok(batch::position(c, stream).await?.unwrap_or(0).cast_unsigned()) })
        });
        position.await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        self.make_days(&self.days.missing(days_of(batch))).await?;
        match self.together(batch).await {
            Err(Unstored::NoDay) => {
                // What is remembered of them is not so: somebody took one away.
                self.days.forget();
                self.make_days(&self.days.missing(days_of(batch))).await?;
                self.together(batch).await.or_else(Unstored::into_error)
            }
            Err(Unstored::PerhapsARow(_)) => {
                self.attempt(batch, Insertion::OneByOne).await.or_else(Unstored::into_error)
            }
            answer => answer.or_else(Unstored::into_error),
        }
    }
}

impl PostgresStore {
    /// Makes the partitions of days, before and outside the transaction that needs them.
    pub(crate) async fn make_days(&self, days: &[Day]) -> Result<(), StoreError> {
        if days.is_empty() {
            return Ok(());
        }
        let (days, known) = (days.to_vec(), self.days.clone());
        self.maintain(move |c| {
            Box::pin(async move {
                days::make(c, &days).await?;
                known.remember(days);
                Ok(())
            })
        })
        .await
    }

    /// As new rows while they are, else with a look for those that are there already.
    async fn together(&self, batch: &Arc<Batch>) -> Result<Append, Unstored> {
        if self.novelty.is_expected() {
            match self.attempt(batch, Insertion::AsNew).await {
                Err(Unstored::Known) => self.novelty.was_wrong(),
                answer => {
                    if answer.is_ok() {
                        self.novelty.was_right();
                    }
                    return answer;
                }
            }
        }
        let answer = self.attempt(batch, Insertion::Together).await;
        if let Ok(Append::Stored(appended)) = &answer {
            self.novelty.found(appended.duplicate);
        }
        answer
    }

    async fn attempt(&self, batch: &Arc<Batch>, insertion: Insertion) -> Result<Append, Unstored> {
        let (batch, known) = (batch.clone(), self.numbers.clone());
        let appended =
            self.write(move |c| Box::pin(async move { batch::append(c, &batch, &known, insertion).await }));
        let (append, generation, numbers) = appended.await?;
        self.numbers.remember(generation, numbers);
        Ok(append)
    }
}

fn days_of(batch: &Batch) -> BTreeSet<Day> {
    batch.records.iter().map(|record| Day::of(record.activity.at)).collect()
}

/// Why a batch is not stored; nothing was changed, unless the store failed while it was committed.
#[derive(Debug)]
pub(crate) enum Unstored {
    /// A day has no partition.
    NoDay,
    /// A row that was to be new is there already.
    Known,
    /// It may be because of one of its rows.
    PerhapsARow(StoreError),
    /// Another reason.
    Failed(StoreError),
}

impl Unstored {
    fn into_error(self) -> Result<Append, StoreError> {
        match self {
            Self::Known => Err(StoreError::Unavailable("another stores the same rows".into())),
            Self::NoDay => Err(StoreError::Unavailable("a day of raw rows cannot be made".into())),
            Self::PerhapsARow(error) | Self::Failed(error) => Err(error),
        }
    }

    /// Of a statement that inserts rows.
    pub fn by_rows(error: diesel::result::Error) -> Self {
        if is_missing_day(&error) {
            Self::NoDay
        } else if is_known_row(&error) {
            Self::Known
        } else if may_be_a_row(&error) {
            Self::PerhapsARow(Failure::from(error).into())
        } else {
            error.into()
        }
    }
}

impl From<StoreError> for Unstored {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Failure> for Unstored {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<diesel::result::Error> for Unstored {
    fn from(error: diesel::result::Error) -> Self {
        Failure::from(error).into()
    }
}

impl Ending for Unstored {
    type Told = Self;

    fn told(self) -> Self {
        self
    }
}
