//! Bodies and queries: bounded, decoded, and refused with the name of the field.
//!
//! Taking them out of a request never fails, and what is wrong with them is told when they are read: an
//! operation first looks at who is calling, and what he may do.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use activity_domain::id::ClientId;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use serde::de::DeserializeOwned;

use crate::body::{self, Body};
use crate::located::Located;
use crate::memory::{self, BodyMemory};
use crate::problem::{Problem, brief};

/// The longest body of events, decoded or not, in bytes.
pub const MAX_EVENTS_BODY: usize = 10 * 1024 * 1024;
/// The longest other body, in bytes.
const MAX_JSON_BODY: usize = 64 * 1024;

const _: () = assert!(MAX_JSON_BODY <= memory::FREE, "small bodies are not counted");

/// What a body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `application/x-ndjson`: one JSON value a line.
    Ndjson,
}

/// A body of events that has not been read yet.
pub struct EventsBody(Unread);

/// A request whose body has not been read yet.
struct Unread {
    request: HttpRequest,
    payload: Payload,
}

impl Unread {
    fn of(request: &HttpRequest, payload: &mut Payload) -> Self {
        Self { request: request.clone(), payload: payload.take() }
    }
}

/// A decoded body of events.
pub struct Events {
    /// What it says it is.
    pub media: Media,
    /// Its bytes, at most [`MAX_EVENTS_BODY`], and their share of the memory for bodies.
    pub body: Body,
}

impl EventsBody {
    /// Reads it. Not before it is known whose it is: strangers' bodies are not worth any memory, and no
    /// caller's may take all of it.
    pub async fn read(self, caller: &ClientId) -> Result<Events, Problem> {
        let Unread { request, payload } = self.0;
        let media = media(&request, &[Media::Json, Media::Ndjson])?;
        let Some(memory) = request.app_data::<web::Data<BodyMemory>>() else {
            return Err(Problem::unavailable("memory for bodies is not set up", 60));
        };
        let room = memory.clone().into_inner().room(caller.clone());
        let body = body::read(&request, payload, MAX_EVENTS_BODY, Some(room)).await?;
        Ok(Events { media, body })
    }
}

impl FromRequest for EventsBody {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(Unread::of(request, payload))))
    }
}

/// A small JSON body that has not been read yet.
pub struct JsonBody<T>(Unread, PhantomData<fn() -> T>);

impl<T: DeserializeOwned> JsonBody<T> {
    /// Reads it.
    pub async fn read(self) -> Result<T, Problem> {
        let Unread { request, payload } = self.0;
        media(&request, &[Media::Json])?;
        let body = body::read(&request, payload, MAX_JSON_BODY, None).await?;
        parse_json(&body.bytes)
    }
}

impl<T> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(Unread::of(request, payload), PhantomData)))
    }
}

/// A small JSON body that may be left out and has not been read yet.
pub struct OptionalJson<T>(Unread, PhantomData<fn() -> T>);

impl<T: DeserializeOwned> OptionalJson<T> {
    /// Reads it.
    pub async fn read(self) -> Result<Option<T>, Problem> {
        let Unread { request, payload } = self.0;
        let body = body::read(&request, payload, MAX_JSON_BODY, None).await?;
        if body.bytes.is_empty() {
            return Ok(None);
        }
        media(&request, &[Media::Json])?;
        parse_json(&body.bytes).map(Some)
    }
}

impl<T> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(Unread::of(request, payload), PhantomData)))
    }
}

/// The query of a request, parsed or not what it should be.
pub struct Query<T>(Result<T, Problem>);

impl<T> Query<T> {
    /// Its parameters, or what is wrong with them.
    pub fn read(self) -> Result<T, Problem> {
        self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = serde_urlencoded::Deserializer::new(form_pairs(request.query_string()));
        let parsed = serde_path_to_error::deserialize(parameters).map_err(|error| {
            let located = Located::of(&error);
            Problem::invalid(format!("?{}", located.path.join(".")), located.detail)
        });
        ready(Ok(Self(parsed)))
    }
}

fn form_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

/// Parses JSON, telling bad JSON (400) from a wrong value (422), which is named.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() {
            let located = Located::of(&error);
            return Problem::invalid(located.pointer(), located.detail);
        }
        not_json(error.inner())
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(parsed)
}

/// 400: the body as a whole is not JSON.
pub fn not_json(error: &serde_json::Error) -> Problem {
    Problem::malformed(format!("the body is not JSON: {}", brief(error)))
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
        let detail = format!("Content-Type must be {names}, not {}", brief(given));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })
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
