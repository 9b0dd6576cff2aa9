//! One call to your API, as the tracker takes it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// A `UUIDv7`, whose time is that of the call. The same id counts once.
    pub id: Uuid,
    /// The HTTP method.
    pub method: String,
    /// The path, or better the template of the route, such as `/things/{id}`.
    pub endpoint: String,
    /// The HTTP status, 100 to 599.
    pub status_code: u16,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// Whose call it was: for reporters that are a service. A client reports for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where the call came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<IpAddr>,
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
    /// Anything else, up to 8,192 bytes of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl Event {
    /// A call that happens now.
    pub fn new(method: &str, endpoint: impl Into<String>, status_code: u16) -> Self {
        Self {
            id: Uuid::now_v7(),
            method: method.to_owned(),
            endpoint: endpoint.into(),
            status_code,
            response_time: None,
            client_id: None,
            ip_address: None,
            user_agent: None,
            request_bytes: None,
            response_bytes: None,
            error_message: None,
            metadata: None,
        }
    }

    /// How long the answer took.
    #[must_use]
    pub fn took(mut self, time: Duration) -> Self {
        self.response_time = Some(time.as_secs_f64() * 1_000.0);
        self
    }
}
