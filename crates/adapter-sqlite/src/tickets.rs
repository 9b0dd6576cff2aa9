//! Tickets that were used.

use activity_domain::error::StoreError;
use activity_domain::id::TicketId;
use activity_domain::port::{TICKETS_KEPT_SECONDS, TicketRepo};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::schema::used_ticket;
use crate::store::SqliteStore;

/// Tickets forgotten in one transaction.
const STEP: i64 = 1_000;

#[async_trait]
impl TicketRepo for SqliteStore {
    async fn redeem(&self, id: TicketId, until: Timestamp) -> Result<bool, StoreError> {
        self.write(move |c| {
            let row =
                (used_ticket::id.eq(id.0.as_bytes().as_slice()), used_ticket::until.eq(until.as_micros()));
            let used = diesel::insert_into(used_ticket::table).values(row).on_conflict_do_nothing();
            Ok(used.execute(c)? == 1)
        })
        .await
    }
}

/// Forgets tickets whose time is long over.
pub(crate) fn forget(c: &mut SqliteConnection, now: Timestamp) -> QueryResult<()> {
    let kept_from = now.plus_seconds(-TICKETS_KEPT_SECONDS).as_micros();
    let old = used_ticket::table.filter(used_ticket::until.lt(kept_from)).select(used_ticket::id).limit(STEP);
    let old: Vec<Vec<u8>> = old.load(c)?;
    if !old.is_empty() {
        diesel::delete(used_ticket::table.filter(used_ticket::id.eq_any(old))).execute(c)?;
    }
    Ok(())
}
