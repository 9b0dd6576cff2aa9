//! Limits, spent and given back.

use async_trait::async_trait;

use crate::error::Degraded;
use crate::limit::{Charges, Decision, Held, QuotaState, Quotas, Subject, Taken};

/// Keeps every subject within its quotas: never more than a limit in any window of its quota's length,
/// however many ask at once. Time never runs back for it; while a clock that was put back catches up,
/// nothing that counts stops counting.
///
/// Quotas come with each call and are not stored: a changed limit acts at once. A changed window does
/// too; what a shorter one had let go of stays forgotten. Calls name all quotas of their subject: of
/// those that the latest ones do not name, eight go on counting, and what more there are may be forgotten.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes all costs from the quotas of a subject, or none from any. A shadow quota has no say in it:
    /// of the calls that are admitted it counts those that fit into it, and the others are reported.
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded>;

    /// Gives back what an admitted call took, to the part of the window that it was counted in; what no
    /// longer counts, or was reset meanwhile, gives nothing. Subject and charges are those of the call.
    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded>;

    /// Where quotas stand, in their order. Costs nothing.
    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded>;

    /// Forgets what a subject has taken, from every quota.
    async fn reset(&self, subject: &Subject) -> Result<(), Degraded>;
}

/// A limiter in this process, which can say all that it counts.
pub trait LocalLimiter: RateLimiter {
    /// How many parts its subjects are in. One part at a time keeps nobody waiting for long.
    fn parts(&self) -> usize;

    /// What counts now against the subjects of a part. Those for whom it has no room of their own are left out.
    fn held(&self, part: usize) -> Vec<(Subject, Vec<Held>)>;

    /// The same, and it is forgotten.
    fn drain(&self, part: usize) -> Vec<(Subject, Vec<Held>)>;
}
