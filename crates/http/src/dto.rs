//! What goes over the wire. Mirrors of domain types: the API's names and shapes are fixed, the domain's
//! are not.

use activity_domain::client::{Client, Role};
use activity_domain::limit::QuotaState;
use activity_domain::rollup::Tally;
use activity_domain::time::Timestamp;
use activity_domain::usage::{DailyRow, TopRow};
use paperclip::actix::Apiv2Schema;
use paperclip::v2::models::{DataType, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A wish to be registered.
#[derive(Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterRequest {
    /// Display name, 1 to 100 characters.
    pub name: String,
    /// Email address; no two clients share one.
    pub email: String,
    /// Events per window; the default is the server's, and only an admin may ask for more.
    pub rate_limit: Option<i64>,
    /// client, service or admin; only an admin may set it.
    pub role: Option<String>,
}

/// A new client. The key is shown this once.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterResponse {
    /// The client's id.
    pub client_id: String,
    /// Display name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// The API key. Keep it: it cannot be shown again.
    pub api_key: String,
    /// A first token.
    pub token: String,
    /// Events per window.
    pub rate_limit: u32,
    /// When it was registered.
    pub created_at: String,
}

/// A token.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct TokenResponse {
    /// The JWT, for `Authorization: Bearer`.
    pub token: String,
    /// When it ends.
    pub expires_at: String,
}

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
    /// For the audit trail, which this server does not keep: taken and dropped.
    pub request_headers: Option<JsonObject>,
    /// For the audit trail, which this server does not keep: taken and dropped.
    pub request_body: Option<Value>,
    /// For the audit trail, which this server does not keep: taken and dropped.
    pub response_body: Option<Value>,
    /// Whose call it was. Services and admins must say so; clients record for themselves.
    pub client_id: Option<String>,
}

/// Any JSON object.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct JsonObject(pub Map<String, Value>);

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

/// Usage by day: which days, whose, and the page.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct DailyParams {
    /// So many days up to and including today; 7 by default.
    pub days: Option<i64>,
    /// First day, such as 2026-01-31; instead of `days`.
    pub from: Option<String>,
    /// Last day, inclusive; today by default.
    pub to: Option<String>,
    /// IANA time zone of the days; UTC by default.
    pub timezone: Option<String>,
    /// One client; services and admins see all by default, clients themselves.
    #[serde(rename = "clientId")]
    pub client_id: Option<String>,
    /// Rows in a page, 1 to 1000; 1000 by default.
    pub limit: Option<i64>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of usage by day, newest day first, then most requests, then by client.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct DailyResponse {
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// The zone of the days.
    pub timezone: String,
    /// When this was computed.
    pub generated_at: String,
    /// Present when there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The rows.
    pub data: Vec<DailyUsage>,
}

/// One client on one day. Times are milliseconds, null where none was recorded.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct DailyUsage {
    /// The day.
    pub date: String,
    /// The client.
    pub client_id: String,
    /// Calls.
    pub request_count: u64,
    /// Calls answered with 400 or above.
    pub error_count: u64,
    /// Mean response time.
    pub avg_response_time: Option<f64>,
    /// Median response time, within 1 %.
    pub p50: Option<f64>,
    /// 95th percentile, within 1 %.
    pub p95: Option<f64>,
    /// 99th percentile, within 1 %.
    pub p99: Option<f64>,
}

impl From<DailyRow> for DailyUsage {
    fn from(row: DailyRow) -> Self {
        let quantile = |q| millis(row.tally.sketch.quantile(q));
        Self {
            date: row.date.to_string(),
            client_id: row.client.to_string(),
            request_count: row.tally.requests,
            error_count: row.tally.errors,
            avg_response_time: mean(&row.tally),
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
        }
    }
}

/// The busiest clients: when, and how many.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct TopParams {
    /// So many hours up to and including the current minute, 1 to 8784; 24 by default.
    pub hours: Option<i64>,
    /// First instant (RFC 3339); instead of `hours`.
    pub from: Option<String>,
    /// The instant after the last; now by default.
    pub to: Option<String>,
    /// How many clients, 1 to 1000; 3 by default.
    pub limit: Option<i64>,
}

/// The busiest clients, most requests first, ties by client.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct TopResponse {
    /// The first instant covered: `from` rounded down to the minute, or to the quarter hour where it
    /// is more than 8 days ago.
    pub from: String,
    /// The instant after the last one covered, rounded up likewise.
    pub to: String,
    /// When this was computed.
    pub generated_at: String,
    /// The clients.
    pub data: Vec<TopClient>,
}

/// One of the busiest clients.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct TopClient {
    /// Its place, from 1.
    pub rank: u64,
    /// Its id.
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// Calls.
    pub request_count: u64,
    /// Calls answered with 400 or above.
    pub error_count: u64,
    /// Mean response time in milliseconds.
    pub avg_response_time: Option<f64>,
    /// Its last call within the range.
    pub last_access: Option<String>,
}

impl TopClient {
    /// A row at its place, counted from 0.
    pub fn new(index: usize, row: &TopRow) -> Self {
        Self {
            rank: index as u64 + 1,
            client_id: row.client.to_string(),
            name: row.name.as_str().to_owned(),
            request_count: row.tally.requests,
            error_count: row.tally.errors,
            avg_response_time: mean(&row.tally),
            last_access: row.tally.last_seen.map(|at| at.to_string()),
        }
    }
}

fn mean(tally: &Tally) -> Option<f64> {
    millis(tally.mean_micros())
}

/// Milliseconds to the microsecond.
fn millis(micros: Option<f64>) -> Option<f64> {
    micros.map(|micros| micros.round() / 1_000.0)
}

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

/// Whether the server is well.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct HealthResponse {
    /// `ok`, `degraded` or `stopping`.
    pub status: String,
    /// The program's version.
    pub version: String,
    /// What it depends on.
    pub checks: Vec<HealthCheck>,
}

/// One thing that the server depends on.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Which.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// More about it.
    pub detail: String,
}
