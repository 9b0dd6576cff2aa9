//! Answers about usage, from blocks and deltas of one snapshot.

use activity_domain::error::StoreError;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;
use diesel_async::AsyncPgConnection;

use crate::error::Failure;
use crate::store::PostgresStore;
use crate::totals::totals;
use crate::{daily, endpoints, log, numbers, series};

#[async_trait]
impl UsageRepo for PostgresStore {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        let query = query.clone();
        self.read(read, move |c| Box::pin(async move { daily::page(c, &query).await })).await
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        let query = query.clone();
        self.read(read, move |c| Box::pin(async move { top(c, &query).await })).await
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        let (query, max) = (query.clone(), self.max_endpoints());
        self.read(read, move |c| Box::pin(async move { series::series(c, &query, max).await })).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        let (query, max) = (query.clone(), self.max_endpoints());
        self.read(read, move |c| Box::pin(async move { endpoints::endpoints(c, &query, max).await })).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        let query = query.clone();
        self.read(read, move |c| Box::pin(async move { log::page(c, &query).await })).await
    }
}

async fn top(c: &mut AsyncPgConnection, query: &TopQuery) -> Result<Vec<TopRow>, Failure> {
    let leaders = totals(c, query.span).await?.leaders(query.limit)?;
    let mut named = numbers::named(c, leaders.iter().map(|(no, _)| *no)).await?;
    let row = |(no, summary)| named.remove(&no).map(|(client, name)| TopRow { client, name, summary });
    Ok(TopRow::rank(leaders.into_iter().filter_map(row).collect(), query.limit))
}
