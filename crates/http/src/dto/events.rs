//! Events, and what became of them.

use paperclip::actix::Apiv2Schema;
use paperclip::v2::models::{DataType, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::RawObject;

/// One call that a client made to the owner's API.
#[derive(Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// The path that was called; query and fragment are dropped.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
    /// The HTTP status of the answer, 100 to 599.
    pub status_code: i64,
    /// How long the answer took in milliseconds; fractions are kept to the microsecond.
    pub response_time: Option<f64>,
    /// Event time (RFC 3339); by default when the event was received.
    pub timestamp: Option<String>,
    /// A UUID that makes a retry harmless. Needs a timestamp, unless it is a UUIDv7, which has one.
    pub id: Option<String>,
    /// Where the call came from.
    pub ip_address: Option<String>,
    /// The caller's User-Agent; what is over 512 bytes is cut.
    pub user_agent: Option<String>,
    /// Size of the request's body in bytes.
    pub request_bytes: Option<u64>,
    /// Size of the answer's body in bytes.
    pub response_bytes: Option<u64>,
    /// What went wrong; what is over 2,048 bytes is cut.
    pub error_message: Option<String>,
    /// Anything else, up to 8,192 bytes of JSON.
    pub metadata: Option<JsonObject>,
    /// For the audit trail: kept with `AUDIT_CAPTURE=headers` or `full`, else dropped. Secrets are taken out,
    /// what is over `AUDIT_MAX_BYTES` is cut, and the rest is encrypted.
    pub request_headers: Option<JsonObject>,
    /// For the audit trail, in the same way: kept with `AUDIT_CAPTURE=full`. Any JSON; a string is text.
    pub request_body: Option<Json>,
    /// For the audit trail, in the same way: kept with `AUDIT_CAPTURE=full`. Any JSON; a string is text.
    pub response_body: Option<Json>,
    /// Whose call it was. Services and admins must say so; clients record for themselves.
    pub client_id: Option<String>,
}

/// Any JSON, as it was sent or kept: as a tree of values it could take a hundred times the memory of its text.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(pub Box<RawValue>);

impl Apiv2Schema for Json {}

/// A JSON object, as it was sent.
pub struct JsonObject(Box<RawValue>);

impl JsonObject {
    /// Its text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The same, to be shown.
    pub fn shown(self) -> RawObject {
        RawObject(self.0)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            Ok(Self(raw))
        } else {
            Err(D::Error::custom("must be a JSON object"))
        }
    }
}

impl Apiv2Schema for JsonObject {
    fn raw_schema() -> DefaultSchemaRaw {
        DefaultSchemaRaw { data_type: Some(DataType::Object), ..DefaultSchemaRaw::default() }
    }
}

/// What became of a request with events.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct LogsResponse {
    /// How many were taken.
    pub accepted: u64,
    /// Those that were not, with reasons.
    pub rejected: Vec<RejectedEvent>,
    /// The ids of those that were, on request (`Prefer: return=representation`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
}

/// An event that was not taken.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct RejectedEvent {
    /// Its place in the request, from 0.
    pub index: u64,
    /// What is wrong with it.
    pub detail: String,
}
