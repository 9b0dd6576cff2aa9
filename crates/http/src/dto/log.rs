//! Events, read back.

use activity_domain::activity::{Activity, Metadata, ResponseTime, Text};
use paperclip::actix::Apiv2Schema;
use paperclip::v2::models::{DataType, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::AuditTrail;

/// Which events.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct LogParams {
    /// First instant (RFC 3339); the oldest by default.
    pub from: Option<String>,
    /// The instant after the last; none by default.
    pub to: Option<String>,
    /// One client; services and admins see all by default, clients themselves.
    #[serde(rename = "clientId")]
    pub client_id: Option<String>,
    /// Exactly this path, or with `{id}` in it every path that is counted under this name.
    pub endpoint: Option<String>,
    /// This method.
    pub method: Option<String>,
    /// This status, such as 404, or this class, such as 4xx.
    pub status: Option<String>,
    /// true: with what was kept of headers and bodies (`AUDIT_CAPTURE`).
    pub audit: Option<bool>,
    /// Events in a page, 1 to 1000; 100 by default.
    pub limit: Option<i64>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of events, newest first.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct LogResponse {
    /// Present when there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The events.
    pub data: Vec<LogEntry>,
}

/// An event as it was recorded. What it does not have is left out.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Event time.
    pub timestamp: String,
    /// Whose call it was.
    pub client_id: String,
    /// Its id.
    pub id: String,
    /// The path that was called.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
    /// The HTTP status of the answer; null where the call was recorded before it was answered.
    pub status_code: Option<u16>,
    /// How long the answer took in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// Where the call came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The caller's User-Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Size of the request's body in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
    /// Size of the answer's body in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<RawObject>,
    /// What was kept of headers and bodies, where it was asked for; not in CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditTrail>,
}

/// A JSON object as it was kept.
#[derive(Serialize)]
#[serde(transparent)]
pub struct RawObject(pub(super) Box<RawValue>);

impl RawObject {
    fn of(metadata: &Metadata) -> Option<Self> {
        // It was JSON when it came in.
        RawValue::from_string(metadata.as_str().to_owned()).ok().map(Self)
    }

    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl Apiv2Schema for RawObject {
    fn raw_schema() -> DefaultSchemaRaw {
        DefaultSchemaRaw { data_type: Some(DataType::Object), ..DefaultSchemaRaw::default() }
    }
}

impl LogEntry {
    /// An activity with what is shown of its audit trail.
    pub fn new(a: &Activity, audit: Option<AuditTrail>) -> Self {
        Self {
            timestamp: a.at.to_string(),
            client_id: a.client.to_string(),
            id: a.id.0.to_string(),
            endpoint: a.endpoint.as_str().to_owned(),
            method: a.method.as_str().to_owned(),
            status_code: a.status.code(),
            response_time: a.response_time.map(ResponseTime::as_millis),
            ip_address: a.ip.map(|ip| ip.to_string()),
            user_agent: a.user_agent.as_ref().map(Text::as_str).map(str::to_owned),
            request_bytes: a.request_bytes,
            response_bytes: a.response_bytes,
            error_message: a.error_message.as_ref().map(Text::as_str).map(str::to_owned),
            metadata: a.metadata.as_ref().and_then(RawObject::of),
            audit,
        }
    }
}
