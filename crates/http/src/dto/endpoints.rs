//! Usage by endpoint.

use activity_domain::sketch::Quantiles;
use activity_domain::usage::EndpointRow;
use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

use super::usage::{mean, quantile};

/// Usage by endpoint: when, whose, and in which order.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct EndpointsParams {
    /// First instant (RFC 3339); 24 hours before `to` by default.
    pub from: Option<String>,
    /// The instant after the last; now by default.
    pub to: Option<String>,
    /// One client; services and admins see everybody together by default, clients themselves.
    #[serde(rename = "clientId")]
    pub client_id: Option<String>,
    /// requests, errors or p95: which come first; requests by default.
    pub sort: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    pub limit: Option<i64>,
}

/// Usage by endpoint and method.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointsResponse {
    /// The first instant covered: `from` rounded down to the hour, or to the day in UTC where it is more
    /// than 8 days ago.
    pub from: String,
    /// The instant after the last one covered, rounded up likewise.
    pub to: String,
    /// When this was computed.
    pub generated_at: String,
    /// The endpoints.
    pub data: Vec<EndpointUsage>,
}

/// One endpoint under one method. Times are milliseconds, null where none was recorded.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointUsage {
    /// The path, with ids as `{id}`; `(other)` is all that are not counted by name.
    pub endpoint: String,
    /// The method; `(other)` is all but the nine known ones.
    pub method: String,
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

impl From<EndpointRow> for EndpointUsage {
    fn from(row: EndpointRow) -> Self {
        Self {
            method: row.verb.as_str().to_owned(),
            request_count: row.summary.requests,
            error_count: row.summary.errors,
            avg_response_time: mean(&row.summary),
            p50: quantile(&row.summary, Quantiles::p50),
            p95: quantile(&row.summary, Quantiles::p95),
            p99: quantile(&row.summary, Quantiles::p99),
            endpoint: row.endpoint,
        }
    }
}
