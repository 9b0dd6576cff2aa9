//! Answers about usage.

use async_trait::async_trait;

use super::Read;
use crate::error::StoreError;
use crate::usage::{DailyPage, DailyQuery, TopQuery, TopRow};

/// Answers about usage. Their cost follows clients and blocks, never the number of activities.
#[async_trait]
pub trait UsageRepo: Send + Sync {
    /// Usage by day and client.
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError>;

    /// The clients with the most requests.
    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError>;
}
