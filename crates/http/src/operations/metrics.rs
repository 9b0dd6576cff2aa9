//! GET /metrics

use std::hint::black_box;
use std::sync::Arc;

use activity_domain::service::Limits;
use actix_web::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpResponse, Responder};
use async_trait::async_trait;
use paperclip::actix::OperationModifier;
use paperclip::v2::models::DefaultOperationRaw;
use paperclip::v2::schema::Apiv2Schema;

use super::prelude::*;
use crate::problem::Problem;
use crate::watch::Watch;
use crate::{limits, peer};

/// What numbers can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Prometheus,
}

impl MetricsFormat {
    /// Prometheus asks for `OpenMetrics` where it takes that.
    fn wanted(headers: &HeaderMap) -> Self {
        let mut accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        if accepted.any(|accepted| accepted.contains("application/openmetrics-text")) {
            return Self::OpenMetrics;
        }
        Self::Prometheus
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Knows how the server does, in numbers.
#[async_trait]
pub trait Measured: Send + Sync {
    /// All of them, as text. Asks nothing outside the process.
    async fn text(&self, format: MetricsFormat) -> String;
}

/// The numbers, and who may see them.
pub struct Metrics {
    /// Knows them.
    pub measured: Arc<dyn Measured>,
    /// What has to be shown for them; `None`: they are open.
    pub token: Option<Box<str>>,
}

/// Numbers for Prometheus.
#[api_v2_operation(
    summary = "Metrics",
    description = "How this instance does, in numbers: OpenMetrics if `Accept` asks for it, else Prometheus text 0.0.4. Needs `Authorization: Bearer <METRICS_TOKEN>` if that is set.",
    operation_id = "metrics",
    tags("Health")
)]
pub async fn metrics(
    request: HttpRequest,
    metrics: Data<Metrics>,
    limits: Data<Limits>,
    watch: Data<Watch>,
) -> Result<MetricsText, Problem> {
    if let Some(token) = &metrics.token
        && !shows(request.headers(), token)
    {
        watch.refused.unknown.add();
        // Guessing is limited like that of keys.
        limits::noted(&request, limits.failed(peer::address(&request)).await)?;
        return Err(Problem::unauthorized("METRICS_TOKEN is needed, in Authorization: Bearer <token>"));
    }
    let format = MetricsFormat::wanted(request.headers());
    Ok(MetricsText { format, text: metrics.measured.text(format).await })
}

fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    shown.is_some_and(|(scheme, shown)| {
        scheme.eq_ignore_ascii_case("bearer") && is_same(shown.trim().as_bytes(), token.as_bytes())
    })
}

/// Takes as long for any two texts of these lengths.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    one.len() == other.len() && differs == 0
}

/// The text.
pub struct MetricsText {
    format: MetricsFormat,
    text: String,
}

impl Responder for MetricsText {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header((CONTENT_TYPE, self.format.media_type())).body(self.text)
    }
}

impl Apiv2Schema for MetricsText {}

/// Described in [`crate::openapi`].
impl OperationModifier for MetricsText {
    fn update_response(_: &mut DefaultOperationRaw) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn only_the_token_itself_is_good() {
        let shows = |value: &str| {
            let request = TestRequest::default().insert_header((AUTHORIZATION, value)).to_http_request();
            shows(request.headers(), "s3cret")
        };
        assert!(shows("Bearer s3cret") && shows("bearer  s3cret"));
        for bad in [
            "",
            "s3cret",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3crets",
            "Bearer s3creT",
            "Basic s3cret",
        ] {
            assert!(!shows(bad), "{bad:?}");
        }
    }
}
