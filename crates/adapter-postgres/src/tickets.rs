//! Tickets that were used.

use activity_domain::error::StoreError;
use activity_domain::id::TicketId;
use activity_domain::port::{TICKETS_KEPT_SECONDS, TicketRepo};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Failure;
use crate::statement::statement;
use crate::store::PostgresStore;

statement! {
    /// Notes a use; no row if there was one before.
    Use { id: Uuid => SqlUuid, until: i64 => BigInt } -> () =
        "INSERT INTO used_ticket (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING"
}

statement! {
    /// Forgets a bounded number of old ones, past those that another instance is forgetting.
    Forget { before: i64 => BigInt } -> () =
        "DELETE FROM used_ticket WHERE id IN \
         (SELECT id FROM used_ticket WHERE until < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED)"
}

#[async_trait]
impl TicketRepo for PostgresStore {
    async fn redeem(&self, id: TicketId, until: Timestamp) -> Result<bool, StoreError> {
        let used = self.write(move |c| {
            Box::pin(async move {
                let used = Use { id: id.0, until: until.as_micros() }.execute(c).await?;
                Ok::<_, Failure>(used == 1)
            })
        });
        used.await
    }
}

/// Forgets tickets whose time is long over.
pub(crate) async fn forget(c: &mut AsyncPgConnection, now: Timestamp) -> QueryResult<()> {
    let before = now.plus_seconds(-TICKETS_KEPT_SECONDS).as_micros();
    Forget { before }.execute(c).await.map(|_| ())
}
