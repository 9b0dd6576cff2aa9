//! Bodies and queries: bounded, decoded, and refused with the name of the field.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::BytesMut;
use futures_util::StreamExt;
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The longest body of events, decoded or not, in bytes.
pub const MAX_EVENTS_BODY: usize = 10 * 1024 * 1024;
/// The longest other body, in bytes.
const MAX_JSON_BODY: usize = 64 * 1024;
/// A sender that takes longer for a body is cut off.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// What a body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `application/x-ndjson`: one JSON value a line.
    Ndjson,
}

/// A decoded body of events.
pub struct EventsBody {
    /// What it says it is.
    pub media: Media,
    /// Its bytes, at most [`MAX_EVENTS_BODY`].
    pub bytes: Vec<u8>,
}

impl FromRequest for EventsBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let media = media(&request, &[Media::Json, Media::Ndjson])?;
            let bytes = read(&request, payload, MAX_EVENTS_BODY).await?;
            Ok(Self { media, bytes })
        })
    }
}

/// A small JSON body.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            media(&request, &[Media::Json])?;
            let bytes = read(&request, payload, MAX_JSON_BODY).await?;
            parse_json(&bytes).map(Self)
        })
    }
}

/// A small JSON body that may be left out.
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload, MAX_JSON_BODY).await?;
            if bytes.is_empty() {
                return Ok(Self(None));
            }
            media(&request, &[Media::Json])?;
            parse_json(&bytes).map(|body| Self(Some(body)))
        })
    }
}

/// The query of a request.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = serde_urlencoded::Deserializer::new(form_pairs(request.query_string()));
        let parsed = serde_path_to_error::deserialize(parameters).map_err(|error| {
            let (pointer, detail) = located(&error.path().to_string(), &error.inner().to_string());
            Problem::invalid(format!("?{pointer}"), detail)
        });
        std::future::ready(parsed.map(Self))
    }
}

fn form_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

/// Parses JSON, telling bad JSON (400) from a wrong value (422), which is named.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() {
            let (path, detail) = located(&error.path().to_string(), &inner.to_string());
            return Problem::invalid(format!("#/{}", path.replace('.', "/")), detail);
        }
        Problem::malformed(format!("the body is not JSON: {inner}"))
    })?;
    json.end().map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    Ok(parsed)
}

/// Where an error of serde is, and what it says, for a reader who sees the field and not the text.
/// Missing and unknown fields are errors of the object around them, which name the field in words.
pub fn located(path: &str, message: &str) -> (String, String) {
    let message = message.split(" at line ").next().unwrap_or(message);
    let message = plain(message);
    let path = if path == "." { "" } else { path };
    for (prefix, says) in [
        ("missing field `", "is missing"),
        ("unknown field `", "is not a known field"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some(field) = message.strip_prefix(prefix).and_then(|rest| rest.split('`').next()) {
            let parent = path.strip_suffix(field).unwrap_or(path).trim_end_matches('.');
            let place = if parent.is_empty() { field.to_owned() } else { format!("{parent}.{field}") };
            return (place, says.to_owned());
        }
    }
    (path.to_owned(), message)
}

/// A parser's message without the names of Rust's types.
fn plain(message: &str) -> String {
    let types = [("i64", "a whole number"), ("u64", "a whole number, 0 or more"), ("f64", "a number")];
    let message = message.replace("invalid digit found in string", "must be a whole number");
    types.iter().fold(message, |text, (name, says)| {
        text.replace(&format!("expected {name}"), &format!("expected {says}"))
    })
}

fn media(request: &HttpRequest, accepted: &[Media]) -> Result<Media, Problem> {
    let media = match request.content_type() {
        "application/json" => Some(Media::Json),
        "application/x-ndjson" => Some(Media::Ndjson),
        _ => None,
    };
    media.filter(|m| accepted.contains(m)).ok_or_else(|| {
        let given = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("none");
        let names = if accepted.contains(&Media::Ndjson) {
            "application/json or application/x-ndjson"
        } else {
            "application/json"
        };
        unsupported(format!("Content-Type must be {names}, not {given}"))
    })
}

fn unsupported(detail: String) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is longer than {limit} bytes; send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

async fn read(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let encoding = encoding(request)?;
    let declared = request.headers().get("content-length").and_then(|v| v.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit) {
        return Err(too_large(limit));
    }
    let body = tokio::time::timeout(BODY_DEADLINE, collect(payload, limit)).await;
    let body =
        body.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"))??;
    match encoding {
        Encoding::Identity => Ok(body.into()),
        // Megabytes to decode would hold up the other requests of this thread.
        _ => web::block(move || decode(encoding, &body, limit))
            .await
            .map_err(|_| Problem::unavailable("the server is overloaded", 1))?,
    }
}

async fn collect(mut payload: Payload, limit: usize) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::malformed(format!("the body broke off: {error}")))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

fn encoding(request: &HttpRequest) -> Result<Encoding, Problem> {
    let value = request.headers().get(CONTENT_ENCODING).map_or(Ok("identity"), |v| v.to_str());
    match value.unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        other => Err(unsupported(format!("Content-Encoding must be gzip or zstd, not {other}"))),
    }
}

/// Decodes at most `limit` bytes: a small bomb must not become a large body.
fn decode(encoding: Encoding, body: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let mut decoded = Vec::new();
    let cap = limit as u64 + 1;
    let read = match encoding {
        Encoding::Gzip => flate2::read::MultiGzDecoder::new(body).take(cap).read_to_end(&mut decoded),
        Encoding::Zstd => zstd_reader(body).and_then(|reader| reader.take(cap).read_to_end(&mut decoded)),
        Encoding::Identity => return Ok(body.to_vec()),
    };
    read.map_err(|error| Problem::malformed(format!("the body cannot be decoded: {error}")))?;
    if decoded.len() > limit {
        return Err(too_large(limit));
    }
    Ok(decoded)
}

/// A frame may ask for a window as large as it likes; 8 MiB is what every encoder stays below by default.
fn zstd_reader(body: &[u8]) -> std::io::Result<impl Read + '_> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(body)?;
    reader.window_log_max(23)?;
    Ok(reader)
}

impl<T> Apiv2Schema for JsonBody<T> {}

impl<T: Apiv2Schema> OperationModifier for JsonBody<T> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        paperclip::actix::web::Json::<T>::update_parameter(operation);
    }
    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        paperclip::actix::web::Json::<T>::update_definitions(map);
    }
}

impl<T> Apiv2Schema for OptionalJson<T> {}

impl<T: Apiv2Schema> OperationModifier for OptionalJson<T> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        JsonBody::<T>::update_parameter(operation);
    }
    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        JsonBody::<T>::update_definitions(map);
    }
}

impl<T> Apiv2Schema for Query<T> {}

impl<T: Apiv2Schema> OperationModifier for Query<T> {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        paperclip::actix::web::Query::<T>::update_parameter(operation);
    }
    fn update_definitions(_: &mut BTreeMap<String, DefaultSchemaRaw>) {}
}
