//! Tickets that were used.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::TicketId;
use crate::time::Timestamp;

/// How long it is remembered that a ticket was used, after its time is over: longer than clocks of instances
/// are apart.
pub const TICKETS_KEPT_SECONDS: i64 = 3_600;

/// Remembers which tickets were used, for all instances together.
#[async_trait]
pub trait TicketRepo: Send + Sync {
    /// Uses a ticket: true for one call with its id, false for all others, however many there are at once.
    /// After `until` nobody takes the ticket any more; [`Upkeep::purge`](super::Upkeep::purge) forgets it
    /// [`TICKETS_KEPT_SECONDS`] later.
    async fn redeem(&self, id: TicketId, until: Timestamp) -> Result<bool, StoreError>;
}
