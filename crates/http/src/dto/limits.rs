//! Where quotas stand.

use activity_domain::client::{Client, Role};
use activity_domain::limit::QuotaState;
use activity_domain::time::Timestamp;
use paperclip::actix::Apiv2Schema;
use serde::Serialize;

/// Where a quota for events stands.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitResponse {
    /// Events per window.
    pub limit: u32,
    /// The window's length in seconds.
    pub window: u32,
    /// How many may be recorded at once now.
    pub remaining: u32,
    /// When all that counts now has left the window.
    pub reset_at: String,
    /// The quotas that apply, each by its name; none where the role is not limited.
    pub policies: Vec<RateLimitPolicy>,
}

/// A quota.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitPolicy {
    /// Its name, as in the `RateLimit` headers.
    pub name: String,
    /// How much fits into the window.
    pub limit: u32,
    /// The window's length in seconds.
    pub window: u32,
    /// How much may be taken at once now.
    pub remaining: u32,
}

impl RateLimitResponse {
    /// A client's state at an instant.
    pub fn new(client: &Client, state: &QuotaState, now: Timestamp) -> Self {
        let (limit, window) = (state.quota.limit.get(), state.quota.window.seconds());
        let name = state.quota.name.as_str().to_owned();
        let policy = RateLimitPolicy { name, limit, window, remaining: state.remaining };
        Self {
            limit,
            window,
            remaining: state.remaining,
            reset_at: now.plus_seconds(state.reset_seconds.cast_signed()).to_string(),
            policies: if client.role == Role::Client { vec![policy] } else { Vec::new() },
        }
    }
}
