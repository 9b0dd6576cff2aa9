//! How a gateway wants to hear of a caller.

use paperclip::actix::Apiv2Schema;
use serde::Deserialize;

/// Wishes of a gateway.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct VerifyParams {
    /// true: the call is recorded at once and finally, without status and response time. Nothing may be posted for it.
    pub record: Option<bool>,
    /// 403: every no but 401 is answered 403, with what it would have been in `X-Verify-Status`.
    pub deny: Option<i64>,
}
