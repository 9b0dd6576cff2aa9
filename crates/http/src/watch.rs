//! What is seen of all requests: counted, and followed by traces where there are any.
//!
//! | Module | Holds |
//! |---|---|
//! | this one | [`Watch`]: one request from its beginning to its end |
//! | [`routes`] | the templates that requests are counted by |
//! | [`counts`] | how many, and how long they took |

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_domain::counting::Counter;
use activity_domain::error::AccessError;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{HttpRequest, Resource};
use tracing::Span;

pub mod counts;
pub mod routes;

use counts::Requests;
use routes::Route;

/// The target of spans of requests.
pub const SPAN: &str = "activity::span";

/// Opens spans of requests.
pub trait Spans: Send + Sync {
    /// A span in which a request is answered, as a child of the caller's if its headers name one. What can be recorded
    /// in it: `otel.name`, `otel.status_code`, `http.request.method`, `http.route`, `http.response.status_code` and
    /// `request.id`.
    fn open(&self, headers: &HeaderMap) -> Span;
}

/// Watches requests. One for the process.
#[derive(Default)]
pub struct Watch {
    /// Those that were answered.
    pub requests: Requests,
    /// Those who showed something and were not let in.
    pub refused: Refused,
    begun: Counter,
    ended: Counter,
    spans: Option<Arc<dyn Spans>>,
}

/// Callers who were not let in.
#[derive(Debug, Default)]
pub struct Refused {
    /// What they showed is not valid.
    pub unknown: Counter,
    /// They are switched off.
    pub deactivated: Counter,
    /// Too many failed from their network.
    pub throttled: Counter,
    /// It could not be found out.
    pub unavailable: Counter,
}

impl Refused {
    /// Counts why somebody was not let in.
    pub fn note(&self, error: &AccessError) {
        match error {
            AccessError::Unknown => self.unknown.add(),
            AccessError::Deactivated => self.deactivated.add(),
            AccessError::Store(_) => self.unavailable.add(),
        }
    }
}

impl Watch {
    /// The same with spans.
    #[must_use]
    pub fn tracing(self, spans: Arc<dyn Spans>) -> Self {
        Self { spans: Some(spans), ..self }
    }

    /// Requests that are being answered.
    pub fn in_flight(&self) -> u64 {
        // Whoever has ended had begun.
        let ended = self.ended.get();
        self.begun.get().saturating_sub(ended)
    }
}

/// A request that is being answered. Dropping it says that nobody waits for the answer any more.
pub struct Watched {
    watch: Data<Watch>,
    since: Instant,
    /// What is done for it is done in here.
    pub span: Span,
}

impl Watched {
    /// Begins to watch a request, if anybody watches.
    pub fn begin(request: &HttpRequest) -> Option<Self> {
        let watch = request.app_data::<Data<Watch>>()?.clone();
        watch.begun.add();
        let span = watch.spans.as_ref().map_or_else(Span::none, |spans| spans.open(request.headers()));
        Some(Self { watch, since: Instant::now(), span })
    }

    /// It is answered. Says how long that took.
    pub fn end(self, request: &HttpRequest, status: StatusCode, id: &str) -> Duration {
        let took = self.since.elapsed();
        let route = request.app_data::<Route>().copied().unwrap_or_default();
        self.watch.requests.note(route, request.method(), status, took);
        if !self.span.is_disabled() {
            record(&self.span, route, request.method(), status, id);
        }
        took
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.ended.add();
    }
}

/// A resource whose requests are counted by a template, if it is one of ours.
pub fn counted(resource: Resource, template: &str) -> Resource {
    resource.app_data(Route::of(template))
}

fn record(span: &Span, route: Route, method: &Method, status: StatusCode, id: &str) {
    let method = counts::name_of(method);
    span.record("otel.name", format!("{method} {}", route.template()));
    span.record("http.request.method", method);
    span.record("http.route", route.template());
    span.record("http.response.status_code", status.as_u16());
    span.record("request.id", id);
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
