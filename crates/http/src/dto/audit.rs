//! The audit trail as it is shown.

use paperclip::actix::Apiv2Schema;
use serde::Serialize;

use super::{Json, RawObject};

/// What was kept of an event's headers and bodies. Secrets are `[redacted]`.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct AuditTrail {
    /// The headers of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<RawObject>,
    /// The body of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<Json>,
    /// The body of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body: Option<Json>,
    /// Which of these were too long (`AUDIT_MAX_BYTES`) and are there in part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub truncated: Vec<String>,
    /// Why there is a trail and it cannot be shown, such as a key that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}
