//! Usage over time.

use activity_domain::rollup::Summary;
use activity_domain::sketch::Quantiles;
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use activity_domain::usage::{Buckets, Series};
use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

use super::usage::{mean, quantile};

/// Usage over time: when, whose, and told apart by what.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct SeriesParams {
    /// First instant (RFC 3339); 24 hours before `to` by default.
    pub from: Option<String>,
    /// The instant after the last; now by default.
    pub to: Option<String>,
    /// 1m, 5m, 15m, 1h or 1d; 1h by default.
    pub bucket: Option<String>,
    /// IANA time zone by whose clock hours and days begin; UTC by default.
    pub timezone: Option<String>,
    /// One client; services and admins see everybody together by default, clients themselves.
    #[serde(rename = "clientId")]
    pub client_id: Option<String>,
    /// none, status, endpoint, method or client; none by default.
    #[serde(rename = "groupBy")]
    pub group_by: Option<String>,
}

/// Usage over time.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesResponse {
    /// The first instant covered: `from` rounded down to a bucket.
    pub from: String,
    /// The instant after the last one covered: `to` rounded up to a bucket.
    pub to: String,
    /// The buckets' length.
    pub bucket: String,
    /// The zone by whose clock they begin.
    pub timezone: String,
    /// What the series are told apart by.
    pub group_by: String,
    /// When this was computed.
    pub generated_at: String,
    /// The series, most requests first; `(other)` last.
    pub series: Vec<UsageSeries>,
}

/// One series.
#[derive(Serialize, Apiv2Schema)]
pub struct UsageSeries {
    /// The status class, endpoint, method or client; null where there is one series only.
    pub group: Option<String>,
    /// One for each bucket, in order of time.
    pub points: Vec<UsagePoint>,
}

/// What happened in a bucket. Times are milliseconds, null where none was recorded.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct UsagePoint {
    /// When the bucket begins.
    pub at: String,
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

impl From<(Series, &Buckets)> for UsageSeries {
    fn from((series, buckets): (Series, &Buckets)) -> Self {
        let points = buckets.iter().zip(&series.points).map(Into::into).collect();
        Self { group: series.group, points }
    }
}

impl From<(Span, &Summary)> for UsagePoint {
    fn from((span, summary): (Span, &Summary)) -> Self {
        Self {
            at: Timestamp::from(span.from).to_string(),
            request_count: summary.requests,
            error_count: summary.errors,
            avg_response_time: mean(summary),
            p50: quantile(summary, Quantiles::p50),
            p95: quantile(summary, Quantiles::p95),
            p99: quantile(summary, Quantiles::p99),
        }
    }
}
