//! Who may ask what about usage.

use std::sync::Arc;

use thiserror::Error;

use super::Caller;
use crate::client::Role;
use crate::error::StoreError;
use crate::port::{ClientRepo, Read, UsageRepo};
use crate::usage::{DailyPage, DailyQuery, TopQuery, TopRow};

/// Why a question about usage is not answered.
#[derive(Debug, Error)]
pub enum UsageError {
    /// The caller's role may not ask this.
    #[error("this needs the role service or admin")]
    Forbidden,
    /// There is no such client, or none that this caller may know of.
    #[error("there is no such client")]
    NoSuchClient,
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
        match (&query.client, caller.role()) {
            (None, Role::Client) => query.client = Some(caller.client.id.clone()),
            (Some(id), Role::Client) if *id != caller.client.id => return Err(UsageError::NoSuchClient),
            (Some(id), Role::Service | Role::Admin) => {
                let found = self.clients.by_id(id, Read::Eventual).await?;
                found.ok_or(UsageError::NoSuchClient)?;
            }
            (None, Role::Service | Role::Admin) | (Some(_), Role::Client) => {}
        }
        Ok(self.repo.daily(&query, Read::Eventual).await?)
    }

    /// The top clients: for services and admins.
    pub async fn top(&self, caller: &Caller, query: &TopQuery) -> Result<Vec<TopRow>, UsageError> {
        if caller.role() == Role::Client {
            return Err(UsageError::Forbidden);
        }
        Ok(self.repo.top(query, Read::Eventual).await?)
    }
}
