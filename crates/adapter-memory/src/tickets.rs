//! Tickets that were used.

use std::collections::hash_map::Entry;

use activity_domain::error::StoreError;
use activity_domain::id::TicketId;
use activity_domain::port::{TICKETS_KEPT_SECONDS, TicketRepo};
use activity_domain::time::Timestamp;
use async_trait::async_trait;

use crate::store::{MemoryStore, State};

#[async_trait]
impl TicketRepo for MemoryStore {
    async fn redeem(&self, id: TicketId, until: Timestamp) -> Result<bool, StoreError> {
        Ok(match self.reach()?.used_tickets.entry(id) {
            Entry::Vacant(unused) => {
                unused.insert(until);
                true
            }
            Entry::Occupied(_) => false,
        })
    }
}

impl State {
    pub(crate) fn forget_tickets(&mut self, now: Timestamp) {
        let kept_from = now.plus_seconds(-TICKETS_KEPT_SECONDS);
        self.used_tickets.retain(|_, until| *until >= kept_from);
    }
}
