//! Who may ask what about usage.

use std::sync::Arc;

use thiserror::Error;

use super::Caller;
use crate::client::Role;
use crate::error::StoreError;
use crate::id::ClientId;
use crate::port::{ClientRepo, Read, UsageRepo};
use crate::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, GroupBy, LogPage, LogQuery, Series, SeriesQuery,
    TopQuery, TopRow,
};

/// Why a question about usage is not answered.
#[derive(Debug, Error)]
pub enum UsageError {
    /// The caller's role may not ask this.
    #[error("this needs the role service or admin")]
    Forbidden,
    /// There is no such client, or none that this caller may know of.
    #[error("there is no such client")]
    NoSuchClient,
    /// Series of one client cannot be told apart by client.
    #[error("series of one client cannot be told apart by client")]
    OneClient,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers about usage, within what the caller may see.
pub struct Usage {
    repo: Arc<dyn UsageRepo>,
    clients: Arc<dyn ClientRepo>,
}

impl Usage {
    /// Usage over a repository.
    pub fn new(repo: Arc<dyn UsageRepo>, clients: Arc<dyn ClientRepo>) -> Self {
        Self { repo, clients }
    }

    /// Usage by day: a client's own, anybody's for services and admins.
    pub async fn daily(&self, caller: &Caller, mut query: DailyQuery) -> Result<DailyPage, UsageError> {
        query.client = self.scope(caller, query.client).await?;
        Ok(self.repo.daily(&query, Read::Eventual).await?)
    }

    /// The top clients: for services and admins.
    pub async fn top(&self, caller: &Caller, query: &TopQuery) -> Result<Vec<TopRow>, UsageError> {
        if caller.role() == Role::Client {
            return Err(UsageError::Forbidden);
        }
        Ok(self.repo.top(query, Read::Eventual).await?)
    }

    /// Usage over time. A client has no others to be told apart from.
    pub async fn series(&self, caller: &Caller, mut query: SeriesQuery) -> Result<Vec<Series>, UsageError> {
        query.client = self.scope(caller, query.client).await?;
        if query.group == GroupBy::Client && query.client.is_some() {
            return Err(UsageError::OneClient);
        }
        Ok(self.repo.series(&query, Read::Eventual).await?)
    }

    /// Usage by endpoint.
    pub async fn endpoints(
        &self,
        caller: &Caller,
        mut query: EndpointsQuery,
    ) -> Result<Vec<EndpointRow>, UsageError> {
        query.client = self.scope(caller, query.client).await?;
        Ok(self.repo.endpoints(&query, Read::Eventual).await?)
    }

    /// Single activities.
    pub async fn activities(&self, caller: &Caller, mut query: LogQuery) -> Result<LogPage, UsageError> {
        query.client = self.scope(caller, query.client).await?;
        Ok(self.repo.activities(&query, Read::Eventual).await?)
    }

    /// Whose usage is meant: a client's own, and for services and admins one that exists, or everybody's.
    async fn scope(&self, caller: &Caller, wanted: Option<ClientId>) -> Result<Option<ClientId>, UsageError> {
        let own = &caller.client.id;
        match (wanted, caller.role()) {
            (None, Role::Client) => Ok(Some(own.clone())),
            (Some(id), Role::Client) if id == *own => Ok(Some(id)),
            (Some(_), Role::Client) => Err(UsageError::NoSuchClient),
            (None, Role::Service | Role::Admin) => Ok(None),
            (Some(id), Role::Service | Role::Admin) => {
                let found = self.clients.by_id(&id, Read::Eventual).await?;
                found.map(|client| Some(client.id)).ok_or(UsageError::NoSuchClient)
            }
        }
    }
}
