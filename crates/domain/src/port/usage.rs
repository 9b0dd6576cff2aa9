//! Answers about usage.

use async_trait::async_trait;

use super::Read;
use crate::error::StoreError;
use crate::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};

/// Answers about usage. Their cost follows clients and blocks, never the number of activities; only
/// [`UsageRepo::activities`] looks at those themselves, at a bounded number of them.
#[async_trait]
pub trait UsageRepo: Send + Sync {
    /// Usage by day and client.
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError>;

    /// The clients with the most requests.
    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError>;

    /// Usage over time, ranked by [`Series::rank`].
    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError>;

    /// Usage by endpoint, ranked by [`EndpointRow::rank`].
    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError>;

    /// Single activities, newest first.
    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError>;
}
