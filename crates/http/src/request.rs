//! What all requests and answers have: an id, problems that carry it, and headers that browsers heed.

use std::sync::Arc;

use activity_domain::act::RequestId;
use activity_domain::redact::{holds_secret, redact};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::limits;
use crate::operations::{Health, State};
use crate::problem::Problem;
use crate::watch::Watched;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes the caller's `X-Request-Id` or makes one, puts it on the answer and into problems, sees to it
/// that every error is a problem, and adds the headers that all answers have. One layer for all of it:
/// a layer costs every request a few allocations.
pub async fn finish<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = id_of(request.request());
    request.extensions_mut().insert(Id(id.clone()));
    let watched = Watched::begin(request.request());
    let span = watched.as_ref().map_or_else(Span::none, |watched| watched.span.clone());
    let response = match oversized(&request) {
        Some(problem) => request.error_response(problem),
        None => next.call(request).instrument(span).await?.map_into_boxed_body(),
    };
    let (request, response) = response.into_parts();
    let is_last = is_last(&request, response.status());
    let mut response = match problem(&response) {
        Some(problem) => keep_headers(&response, problem.response(id.to_str().unwrap_or_default())),
        None => response,
    };
    // A key in a path is the caller's mistake, and none of the log's business.
    let path = || redact(request.path());
    let (method, status) = (request.method(), response.status());
    let took = watched.map(|watched| watched.end(&request, status, id.to_str().unwrap_or_default()));
    let took_us = took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    let code = status.as_u16();
    if status.is_server_error() {
        tracing::warn!(%method, path = %path(), status = code, took_us, request_id = ?id, "request failed");
    } else {
        tracing::debug!(%method, path = %path(), status = code, took_us, request_id = ?id, "request");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    limits::write(&request, response.headers_mut());
    secure(response.headers_mut());
    if is_last {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    if request.app_config().secure() {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
    Ok(ServiceResponse::new(request, response))
}

/// Whether an answer is the last one on its connection. A server that stops says so, because whoever finds a connection
/// closed behind a request that he has sent cannot know what became of that.
fn is_last(request: &HttpRequest, status: StatusCode) -> bool {
    let health = request.app_data::<Data<Arc<dyn Health>>>();
    // A WebSocket is told in its own way.
    status != StatusCode::SWITCHING_PROTOCOLS
        && health.is_some_and(|health| health.state() == State::Stopping)
}

/// The id of a request, for the operation that it is answered by.
struct Id(HeaderValue);

/// The id of a request, for what is written down about it.
pub fn id(request: &HttpRequest) -> Option<RequestId> {
    let id = request.extensions().get::<Id>()?.0.to_str().ok().map(RequestId::parse);
    id.and_then(Result::ok)
}

/// The longest path with its query, in bytes.
const MAX_TARGET: usize = 8 << 10;
/// The longest headers, names and values together, in bytes. Actix reads up to 128 KiB and 96 headers, and
/// answers what is beyond by itself, without a body.
const MAX_HEADERS: usize = 32 << 10;

fn oversized(request: &ServiceRequest) -> Option<Problem> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        let detail = format!("path and query are longer than {MAX_TARGET} bytes");
        return Some(Problem::new(StatusCode::URI_TOO_LONG, detail));
    }
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (headers > MAX_HEADERS).then(|| {
        let detail = format!("the headers are longer than {MAX_HEADERS} bytes");
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
    })
}

/// The problem behind an error answer. Errors that are not ours come from actix itself; an answer with a
/// body of its own, such as an unready node's, stays as it is.
fn problem(response: &HttpResponse) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_body = response.error().is_none() && response.headers().contains_key(CONTENT_TYPE);
    if !is_error || has_body {
        return None;
    }
    let ours = response.error().and_then(|error| error.as_error::<Problem>()).cloned();
    Some(ours.unwrap_or_else(|| {
        let detail = response.error().map_or_else(String::new, ToString::to_string);
        if status.is_server_error() {
            tracing::error!(detail, "an unexpected error");
            return Problem::new(status, "something went wrong here; the log has the details");
        }
        Problem::new(status, detail)
    }))
}

/// An outer layer (CORS) may have set headers on the answer that is replaced.
fn keep_headers(old: &HttpResponse, mut new: HttpResponse) -> HttpResponse {
    for (name, value) in old.headers() {
        if !new.headers().contains_key(name) && name != "content-length" {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
    new
}

/// A `UUIDv7` without the counter that orders those of one millisecond: it would be one lock for all threads.
pub fn new_id() -> Uuid {
    Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext))
}

/// The caller's id, unless it is none, or a key that was put into the wrong header: ids are logged.
fn id_of(request: &HttpRequest) -> HeaderValue {
    let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    let given = request.headers().get(REQUEST_ID);
    let given = given.filter(|v| (1..=128).contains(&v.len()) && v.as_bytes().iter().all(legal));
    let given = given.filter(|v| !v.to_str().is_ok_and(holds_secret));
    given.cloned().unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let text = new_id().simple().encode_lower(&mut buffer);
        // 32 hexadecimal digits are a legal value.
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// What was once had by TLS is not to be asked for without.
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Headers that keep a browser from misusing an answer. Documents set their own policy.
const SECURITY: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

fn secure(headers: &mut HeaderMap) {
    let has_own = headers.contains_key(CONTENT_SECURITY_POLICY);
    for (name, value) in SECURITY {
        if !has_own || !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}
