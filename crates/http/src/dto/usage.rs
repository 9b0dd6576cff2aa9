//! Answers about usage.

use activity_domain::rollup::Summary;
use activity_domain::sketch::Quantiles;
use activity_domain::usage::{DailyRow, TopRow};
use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

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
        Self {
            date: row.date.to_string(),
            client_id: row.client.to_string(),
            request_count: row.summary.requests,
            error_count: row.summary.errors,
            avg_response_time: mean(&row.summary),
            p50: quantile(&row.summary, Quantiles::p50),
            p95: quantile(&row.summary, Quantiles::p95),
            p99: quantile(&row.summary, Quantiles::p99),
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
            request_count: row.summary.requests,
            error_count: row.summary.errors,
            avg_response_time: mean(&row.summary),
            last_access: row.summary.last_seen.map(|at| at.to_string()),
        }
    }
}

/// The mean response time in milliseconds.
pub(super) fn mean(summary: &Summary) -> Option<f64> {
    millis(summary.mean_micros())
}

/// A quantile of the response times in milliseconds.
pub(super) fn quantile(summary: &Summary, which: fn(Quantiles) -> f64) -> Option<f64> {
    millis(summary.quantiles.map(which))
}

/// Milliseconds to the microsecond.
fn millis(micros: Option<f64>) -> Option<f64> {
    micros.map(|micros| micros.round() / 1_000.0)
}
