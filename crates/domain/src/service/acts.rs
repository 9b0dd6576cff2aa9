//! What admins did: written down, and shown to admins.

use std::sync::Arc;

use super::{AccountError, Caller};
use crate::act::{Act, ActQuery, Entry};
use crate::client::Role;
use crate::port::{ActLog, Clock, Read};

/// The log of what admins did.
pub struct Acts {
    log: Arc<dyn ActLog>,
    clock: Arc<dyn Clock>,
}

impl Acts {
    /// The use cases over a log.
    pub fn new(log: Arc<dyn ActLog>, clock: Arc<dyn Clock>) -> Self {
        Self { log, clock }
    }

    /// Writes down what an admin is about to do outside the store. Without an entry it must not be done.
    pub async fn note(&self, by: &Caller, act: &Act) -> Result<(), AccountError> {
        let signature = by.signature(self.clock.now()).ok_or(AccountError::Forbidden)?;
        Ok(self.log.note(&signature, act).await?)
    }

    /// The entries that are asked for, newest first; for admins.
    pub async fn list(&self, by: &Caller, query: &ActQuery) -> Result<Vec<Entry>, AccountError> {
        if by.role() != Role::Admin {
            return Err(AccountError::Forbidden);
        }
        Ok(self.log.acts(query, Read::Latest).await?)
    }
}
