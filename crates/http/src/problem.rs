//! Every error answer: `application/problem+json` as in RFC 9457.

use std::fmt;

use activity_domain::error::{AccessError, Invalid, RecordError, StoreError};
use activity_domain::redact::redact;
use activity_domain::service::{AccountError, RegisterError, UsageError};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use paperclip::v2::schema::Apiv2Errors;
use serde::Serialize;
use serde_json::Value;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error answer.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, String)>,
    kind: &'static str,
}

/// A field that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// `#/name` for a field of the body (RFC 6901), `?name` for a parameter of the query.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A problem as it goes over the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    request_id: &'a str,
}

/// What somebody sent or a parser says, for an answer: at most 160 characters of it, since a caller's own
/// words may be megabytes, and without keys and tokens, since answers come to rest in callers' logs.
pub fn brief(text: impl fmt::Display) -> String {
    const MOST: usize = 160;
    // Enough that a key or token that begins in what is shown is there to be known as one.
    const READ: usize = 1_024;
    let mut read = Brief { text: String::new(), left: READ };
    // It fails once it is full, and spares the rest of the work.
    let is_cut = fmt::write(&mut read, format_args!("{text}")).is_err();
    let clean = redact(&read.text);
    match clean.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None if is_cut => format!("{clean}…"),
        None => clean.into_owned(),
    }
}

struct Brief {
    text: String,
    left: usize,
}

impl fmt::Write for Brief {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = part.char_indices().nth(self.left).map_or(part.len(), |(end, _)| end);
        self.text.push_str(&part[..end]);
        self.left = self.left.saturating_sub(part[..end].chars().count());
        if end < part.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Problem {
    /// An answer with a status and an explanation for the caller.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), kind: "about:blank" }
    }

    /// 400: not what the media type says it is.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 422: well-formed, but one field does not hold what it should.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let text = format!("{}: {detail}", pointer.trim_start_matches(['#', '/', '?']));
        Self::invalid_fields(text, vec![FieldError { pointer, detail }])
    }

    /// 422: several fields do not hold what they should.
    pub fn invalid_fields(detail: impl Into<String>, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// 401: a key or token is needed, or the one that came is not valid.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        let challenge = "Bearer realm=\"activity-tracker\"".to_owned();
        Self { headers: vec![(WWW_AUTHENTICATE, challenge)], ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// 403: the caller is known and may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409: it cannot be done as things stand.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    fn email_taken() -> Self {
        Self {
            errors: vec![FieldError { pointer: "#/email".into(), detail: "is taken".into() }],
            ..Self::conflict("another client has this email")
        }
    }

    /// 405, with the methods that there are.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let detail = format!("this path has {allowed}");
        Self {
            headers: vec![(ALLOW, allowed.to_owned())],
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        }
    }

    /// 503 with `Retry-After` in seconds.
    pub fn unavailable(detail: impl Into<String>, retry_after: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after)
    }

    /// With `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with(RETRY_AFTER, seconds.to_string())
    }

    /// With a header more.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With another status, where its own would be misunderstood.
    #[must_use]
    pub fn answered_as(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Of a problem type other than what the status says.
    #[must_use]
    pub fn of_type(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn body<'a>(&'a self, request_id: &'a str) -> Body<'a> {
        Body {
            r#type: self.kind,
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            request_id,
        }
    }

    /// The problem where it is no answer to a request: in a message.
    pub fn value(&self) -> Value {
        let mut value = serde_json::to_value(self.body("")).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("requestId");
        }
        value
    }

    /// The answer, carrying the request's id.
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let body = self.body(request_id);
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        // A struct of strings and numbers always serialises.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        response.insert_header((CONTENT_TYPE, PROBLEM_JSON)).body(json)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The middleware of [`crate::request`] builds the answer again with the request's id.
    fn error_response(&self) -> HttpResponse {
        self.response("")
    }
}

/// Statuses are documented per operation in [`crate::openapi`].
impl Apiv2Errors for Problem {}

/// What the caller hears of a store's failure: nothing of its inside, which goes into the log.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "a request needs the store, which does not answer");
            return Self::unavailable("the database does not answer at present", 5);
        }
        tracing::error!(%error, "a request failed on the store");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the database could not answer")
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Unknown => Self::unauthorized("the API key or token is not valid"),
            AccessError::Deactivated => Self::forbidden("this client is deactivated"),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        tracing::warn!(%error, "events were refused");
        match error {
            RecordError::Full => {
                Self::unavailable("events cannot be taken at present: the spool is full", 10)
            }
            RecordError::Failing(_) => {
                Self::unavailable("events cannot be taken at present: the spool cannot be written", 5)
            }
            RecordError::Closed => Self::unavailable("the server is shutting down", 1),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Forbidden(why) => Self::forbidden(why),
            RegisterError::Unauthenticated => Self::unauthorized("registration needs an admin's API key"),
            RegisterError::EmailTaken => Self::email_taken(),
            RegisterError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Forbidden => Self::forbidden("this needs the role admin"),
            AccountError::NoSuchClient => Self::not_found("there is no such client"),
            AccountError::NoSuchKey => Self::not_found("there is no such key"),
            AccountError::EmailTaken => Self::email_taken(),
            AccountError::TooManyKeys => {
                Self::conflict("the client has as many keys as it may have; revoke one first")
            }
            AccountError::Conflict(why) => Self::conflict(why),
            AccountError::Store(error) => error.into(),
        }
    }
}

impl From<UsageError> for Problem {
    fn from(error: UsageError) -> Self {
        match error {
            UsageError::Forbidden => Self::forbidden("this needs the role service or admin"),
            UsageError::OneClient => {
                Self::invalid("?groupBy", "cannot be client for a single client: leave `clientId` out")
            }
            UsageError::NoSuchClient => Self::not_found("there is no such client"),
            UsageError::Store(error) => error.into(),
        }
    }
}

/// Says where an invalid value stood.
pub trait At<T> {
    /// Turns an invalid value into a 422 that points at it.
    fn at(self, pointer: &str) -> Result<T, Problem>;
}

impl<T> At<T> for Result<T, Invalid> {
    fn at(self, pointer: &str) -> Result<T, Problem> {
        self.map_err(|error| Problem::invalid(pointer, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_has_no_secrets() {
        assert_eq!(brief("plain"), "plain");
        assert_eq!(brief("ä".repeat(160)), "ä".repeat(160));
        assert_eq!(brief("ä".repeat(161)), format!("{}…", "ä".repeat(160)));
        assert_eq!(brief("x".repeat(2_000_000)), format!("{}…", "x".repeat(160)));
        let key = format!("atk_abcdefghijkl_{}_01234567", "0123456789abcdef".repeat(4));
        let token = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", "eyJzdWIi".repeat(30));
        for secret in [key, token] {
            for before in [0, 20, 130, 155] {
                let shown = brief(format!("{}{secret}{}", "-".repeat(before), "-".repeat(3_000)));
                assert!(shown.chars().count() <= 161 && !shown.contains(&secret[..8]), "{shown}");
            }
        }
    }
}
