//! Events from bytes: one object, an array, or lines. Each item stands for itself.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;

use activity_domain::activity::{
    Activity, AgePolicy, Endpoint, Metadata, Method, ResponseTime, Status, Text,
};
use activity_domain::client::Role;
use activity_domain::error::{AccessError, Invalid};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::service::{Access, Caller};
use activity_domain::time::Timestamp;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::dto::{Event, JsonObject};
use crate::extract::{Media, not_json};
use crate::located::{Located, escaped};
use crate::problem::{Problem, brief};
use crate::request::new_id;

/// Events in one request.
pub const MAX_EVENTS: usize = 10_000;
/// The longest event, in bytes of JSON: far more than what is kept of one, and little beside what a
/// parser may need for it.
pub const MAX_EVENT: usize = 1 << 20;
/// Brackets within brackets in one request.
const MAX_NESTING: usize = 64 << 10;
/// The longest text of metadata that is looked at. Blanks in it do not count against the limit of what is
/// kept, so that this one is higher.
const MAX_METADATA_TEXT: usize = 16 << 10;

/// The items of a request, not parsed yet.
pub enum Items<'a> {
    /// One object.
    One(&'a [u8]),
    /// An array or lines.
    Many(Vec<&'a [u8]>),
}

/// Splits a body into its items.
pub fn split(media: Media, body: &[u8]) -> Result<Items<'_>, Problem> {
    let text = body.trim_ascii();
    match (media, text.first()) {
        (Media::Ndjson, _) => split_lines(text).map(Items::Many),
        (Media::Json, Some(b'[')) => split_array(text).map(Items::Many),
        (Media::Json, _) => Ok(Items::One(text)),
    }
}

fn too_many() -> Problem {
    let detail = format!("there are more than {MAX_EVENTS} events; send them in parts");
    Problem::new(actix_web::http::StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn split_lines(text: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let lines: Vec<&[u8]> = lines.take(MAX_EVENTS + 1).collect();
    if lines.len() > MAX_EVENTS { Err(too_many()) } else { Ok(lines) }
}

fn split_array(text: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    if text.len() > MAX_NESTING && is_nested_deeper(text, MAX_NESTING) {
        return Err(Problem::malformed("the body is nested too deeply"));
    }
    let mut is_over = false;
    let mut json = serde_json::Deserializer::from_slice(text);
    let items = json.deserialize_seq(BoundedItems { is_over: &mut is_over });
    let items = items.and_then(|items| json.end().map(|()| items));
    items.map_err(|error| if is_over { too_many() } else { not_json(&error) })
}

/// Whether JSON text is nested deeper than this. The parser that looks for the end of an item notes every
/// open bracket on the way: ten megabytes of them would cost more than the body itself.
fn is_nested_deeper(text: &[u8], most: usize) -> bool {
    let (mut depth, mut is_string, mut is_escaped) = (0usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b'[' | b'{' if !is_string => depth += 1,
            b']' | b'}' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }
    false
}

/// Takes the items of an array as they stand; gives up at the first that is too many.
struct BoundedItems<'a> {
    is_over: &'a mut bool,
}

impl<'de> Visitor<'de> for BoundedItems<'_> {
    type Value = Vec<&'de [u8]>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            if kept.len() == MAX_EVENTS {
                *self.is_over = true;
                return Err(A::Error::custom("too many events"));
            }
            kept.push(item.get().as_bytes());
        }
        Ok(kept)
    }
}

/// Why an item was not taken: the field, if it is one, and what is wrong.
#[derive(Debug)]
pub struct Rejection {
    /// Name of the field, such as `statusCode`; empty for the item itself.
    pub field: String,
    /// What is wrong.
    pub detail: String,
    /// It is not JSON at all.
    pub is_syntax: bool,
}

impl Rejection {
    /// What is wrong with a field.
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into(), is_syntax: false }
    }

    fn syntax(detail: impl Into<String>) -> Self {
        Self { is_syntax: true, ..Self::new("", detail) }
    }

    /// Both in one sentence.
    pub fn sentence(&self) -> String {
        if self.field.is_empty() { self.detail.clone() } else { format!("{}: {}", self.field, self.detail) }
    }

    /// Where it is, as a JSON pointer; `item` is where the item is, such as `#/7`.
    pub fn pointer(&self, item: &str) -> String {
        if self.field.is_empty() { item.to_owned() } else { format!("{item}/{}", escaped(&self.field)) }
    }
}

/// Parses an item's JSON.
pub fn parse(item: &[u8]) -> Result<Event, Rejection> {
    if item.len() > MAX_EVENT {
        return Err(Rejection::new("", format!("must be at most {MAX_EVENT} bytes of JSON")));
    }
    // Naming the field costs time; only what fails is parsed again for it.
    serde_json::from_slice(item).map_err(|_| explain(item))
}

fn explain(item: &[u8]) -> Rejection {
    let mut json = serde_json::Deserializer::from_slice(item);
    match serde_path_to_error::deserialize::<_, Event>(&mut json) {
        Err(error) if error.inner().is_data() => {
            let located = Located::of(&error);
            Rejection::new(&located.path.join("."), located.detail)
        }
        Err(error) => Rejection::syntax(format!("is not JSON: {}", brief(error.inner()))),
        Ok(_) => Rejection::syntax("has text behind its end"),
    }
}

/// What an event is checked against.
pub struct Checks<'a> {
    /// Who sends it.
    pub caller: &'a Caller,
    /// Knows the clients that services record for.
    pub access: &'a Access,
    /// How old it may be.
    pub ages: AgePolicy,
    /// When the request arrived.
    pub now: Timestamp,
    /// Which clients there are, as far as this request has asked.
    pub known: RefCell<HashMap<ClientId, bool>>,
    /// Whether the store did not answer in this request.
    pub is_cut_off: Cell<bool>,
}

impl Checks<'_> {
    /// An activity from an event, without an audit trail. The outer error is the store's: nobody's fault, nothing is taken.
    pub async fn activity(&self, event: &Event) -> Result<Result<Activity, Rejection>, Problem> {
        let client = match self.client(event.client_id.as_deref()).await? {
            Ok(client) => client,
            Err(rejection) => return Ok(Err(rejection)),
        };
        Ok(self.build(client, event))
    }

    /// Whose event it is: a client's own; for services and admins, the one that they name.
    async fn client(&self, named: Option<&str>) -> Result<Result<ClientId, Rejection>, Problem> {
        let own = &self.caller.client.id;
        let refuse = |detail: &str| Ok(Err(Rejection::new("clientId", detail)));
        match (self.caller.role(), named) {
            (Role::Client, None) => Ok(Ok(own.clone())),
            (Role::Client, Some(named)) if named == own.as_str() => Ok(Ok(own.clone())),
            (Role::Client, Some(_)) => refuse("must be left out: a client records for itself only"),
            (Role::Service | Role::Admin, None) => refuse("is missing: say whose call it was"),
            (Role::Service | Role::Admin, Some(named)) => match ClientId::parse(named) {
                Err(error) => refuse(&error.0),
                Ok(id) if self.is_known(&id).await? => Ok(Ok(id)),
                Ok(_) => refuse("is not a known client"),
            },
        }
    }

    /// The store is asked once for each client: a no is remembered nowhere else. While it does not answer,
    /// services and admins are believed: their events would be lost otherwise, and those of a client that turns
    /// out not to exist harm nobody. One silence is enough to ask no more.
    async fn is_known(&self, id: &ClientId) -> Result<bool, Problem> {
        if let Some(is_known) = self.known.borrow().get(id) {
            return Ok(*is_known);
        }
        if self.is_cut_off.get() {
            return Ok(true);
        }
        let is_known = match self.access.client(id).await {
            Ok(client) => client.is_some(),
            Err(AccessError::Store(error)) if error.is_transient() => {
                tracing::debug!(%error, "a client cannot be looked up; who records for it is believed");
                self.is_cut_off.set(true);
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        self.known.borrow_mut().insert(id.clone(), is_known);
        Ok(is_known)
    }

    fn build(&self, client: ClientId, event: &Event) -> Result<Activity, Rejection> {
        let (id, at) = self.identity(event)?;
        let is_client = self.caller.role() == Role::Client;
        self.ages.check(at, self.now, is_client).map_err(in_field("timestamp"))?;
        Ok(Activity {
            client,
            id,
            at,
            endpoint: Endpoint::parse(&event.endpoint).map_err(in_field("endpoint"))?,
            method: Method::parse(&event.method).map_err(in_field("method"))?,
            status: Status::parse(event.status_code).map_err(in_field("statusCode"))?,
            response_time: optional(event.response_time, ResponseTime::from_millis, "responseTime")?,
            ip: optional(event.ip_address.as_deref(), parse_ip, "ipAddress")?,
            user_agent: optional(event.user_agent.as_deref(), Text::parse, "userAgent")?,
            request_bytes: optional(event.request_bytes, byte_count, "requestBytes")?,
            response_bytes: optional(event.response_bytes, byte_count, "responseBytes")?,
            error_message: optional(event.error_message.as_deref(), Text::parse, "errorMessage")?,
            metadata: optional(event.metadata.as_ref(), metadata, "metadata")?,
            audit: None,
        })
    }

    /// Id and time. A sender's id needs a time of the sender's too, or a retry would not be recognised.
    fn identity(&self, event: &Event) -> Result<(ActivityId, Timestamp), Rejection> {
        let at = optional(event.timestamp.as_deref(), Timestamp::parse, "timestamp")?;
        let Some(id) = &event.id else {
            return Ok((ActivityId(new_id()), at.unwrap_or(self.now)));
        };
        let id = Uuid::try_parse(id).map_err(|_| Rejection::new("id", "must be a UUID"))?;
        let at = at
            .or_else(|| time_of_v7(id))
            .ok_or_else(|| Rejection::new("id", "needs a timestamp beside it, unless it is a UUIDv7"))?;
        Ok((ActivityId(id), at))
    }
}

fn in_field(field: &'static str) -> impl Fn(Invalid) -> Rejection {
    move |error| Rejection::new(field, error.0)
}

fn optional<T, U>(
    value: Option<T>,
    parse: impl Fn(T) -> Result<U, Invalid>,
    field: &'static str,
) -> Result<Option<U>, Rejection> {
    value.map(parse).transpose().map_err(in_field(field))
}

/// Stores hold 63 bits.
fn byte_count(bytes: u64) -> Result<u64, Invalid> {
    if i64::try_from(bytes).is_ok() { Ok(bytes) } else { Err(Invalid::new("must be below 2^63")) }
}

/// Without the blanks between the values, which would break lines where one is an event.
fn metadata(sent: &JsonObject) -> Result<Metadata, Invalid> {
    let text = sent.text();
    if text.len() > MAX_METADATA_TEXT {
        return Err(Invalid::new("must be at most 8192 bytes of JSON"));
    }
    let object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| Invalid::new(format!("cannot be read: {}", brief(error))))?;
    let compact = serde_json::to_string(&object).map_err(|error| Invalid::new(error.to_string()))?;
    Metadata::from_object(&compact)
}

fn parse_ip(text: &str) -> Result<IpAddr, Invalid> {
    text.parse().map_err(|_| Invalid::new("must be an IPv4 or IPv6 address"))
}

fn time_of_v7(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = (id.get_version_num() == 7).then(|| id.get_timestamp())??.to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Timestamp::from_micros(seconds.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1_000))?).ok()
}
