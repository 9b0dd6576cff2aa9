//! Spans of requests.

use activity_domain::redact::holds_secret;
use activity_http::watch::{SPAN, Spans};
use actix_web::http::header::{HeaderMap, HeaderName};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Opens spans as children of what `traceparent` names.
#[derive(Debug, Default)]
pub struct RequestSpans(TraceContextPropagator);

impl Spans for RequestSpans {
    fn open(&self, headers: &HeaderMap) -> Span {
        let span = tracing::trace_span!(
            target: SPAN,
            parent: None,
            "request",
            otel.kind = "server",
            otel.name = field::Empty,
            otel.status_code = field::Empty,
            http.request.method = field::Empty,
            http.route = field::Empty,
            http.response.status_code = field::Empty,
            request.id = field::Empty,
        );
        if !span.is_disabled() && headers.contains_key("traceparent") {
            // It has just begun, so that this cannot fail.
            let _set = span.set_parent(self.0.extract(&Headers(headers)));
        }
        span
    }
}

/// Headers as a caller wrote them. A key in the wrong one goes no further.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok().filter(|text| !holds_secret(text))
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
