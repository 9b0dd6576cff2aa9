//! Values for tests.

use std::sync::Arc;

use activity_domain::activity::{Activity, Endpoint, Metadata, Method, ResponseTime, Status, Text};
use activity_domain::audit::Sealed;
use activity_domain::client::{
    Client, ClientLimit, ClientLimits, ClientName, Email, EndpointPrefix, LimitName, RateLimit, Role,
};
use activity_domain::id::{ActivityId, ClientId, KeyId, StreamId};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::limit::Window;
use activity_domain::port::{Batch, Record, SetAside};
use activity_domain::time::{Date, Timestamp};
use activity_domain::usage::Days;
use bytes::Bytes;
use uuid::Uuid;

/// An instant in RFC 3339.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// The latest instant that a store has to hold.
pub const LATEST: &str = "9999-12-30T22:00:00.999999Z";

/// A calendar day such as `2026-03-10`.
pub fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

/// A range of days, both inclusive.
pub fn days(from: &str, to: &str) -> Days {
    Days::between(date(from), date(to)).expect("days in order")
}

/// A client's id.
pub fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a client's id")
}

/// The stream of this number.
pub fn stream(number: u128) -> StreamId {
    StreamId(Uuid::from_u128(number))
}

/// A plain call: a GET that went well, untimed.
pub fn call(client: &str, id: u128, time: &str) -> Activity {
    Activity {
        client: client_id(client),
        id: ActivityId(Uuid::from_u128(id)),
        at: at(time),
        endpoint: Endpoint::parse("/things").expect("a path"),
        method: Method::parse("GET").expect("a method"),
        status: Status::parse(200).expect("a status"),
        response_time: None,
        ip: None,
        user_agent: None,
        request_bytes: None,
        response_bytes: None,
        error_message: None,
        metadata: None,
        audit: None,
    }
}

/// The same call with a status, 0 for one that is not known, and a response time.
#[must_use]
pub fn answered(call: Activity, status: i64, micros: Option<u64>) -> Activity {
    let response_time = micros.map(|micros| ResponseTime::from_micros(micros).expect("a response time"));
    Activity { status: Status::from_stored(status).expect("a status"), response_time, ..call }
}

/// A client of role `client`, named after its id and without an email.
pub fn client(id: &str) -> Client {
    Client {
        id: client_id(id),
        name: ClientName::parse(&format!("name of {id}")).expect("a name"),
        email: None,
        role: Role::Client,
        rate_limit: RateLimit::parse(1_000).expect("a limit"),
        limits: ClientLimits::default(),
        is_active: true,
        created_at: at("2026-01-01T00:00:00Z"),
    }
}

/// A limit of a client besides its rate limit, everywhere or on an endpoint.
pub fn limit(name: &str, limit: i64, window: i64, endpoint: Option<&str>) -> ClientLimit {
    ClientLimit {
        name: LimitName::parse(name).expect("a name"),
        limit: RateLimit::parse(limit).expect("a limit"),
        window: Window::parse(window).expect("a window"),
        endpoint: endpoint.map(|path| EndpointPrefix::parse(path).expect("a path")),
        shadow: false,
    }
}

/// The same limit without the power to refuse.
#[must_use]
pub fn shadow(limit: ClientLimit) -> ClientLimit {
    ClientLimit { shadow: true, ..limit }
}

/// Limits that a client can have together.
pub fn limits(limits: Vec<ClientLimit>) -> ClientLimits {
    ClientLimits::parse(limits).expect("limits")
}

/// An email address.
pub fn email(text: &str) -> Email {
    Email::parse(text).expect("an email address")
}

/// The key of this number; different numbers have different ids and digests.
pub fn key(number: u8) -> KeyRecord {
    KeyRecord {
        id: KeyId::parse(&format!("key{number:09}")).expect("a key's id"),
        digest: KeyDigest([number; 32]),
        created_at: at("2026-01-01T00:00:00.000001Z"),
        expires_at: None,
    }
}

/// The next batch of a stream, one sequence number for each activity and at least one.
pub fn batch(stream: StreamId, expected: u64, activities: Vec<Activity>) -> Arc<Batch> {
    let next = expected + (activities.len() as u64).max(1);
    let records = activities.into_iter().enumerate().map(|(index, activity)| Record {
        payload: Bytes::from(format!("record {index} of {stream} from {expected}")),
        activity,
    });
    Arc::new(Batch { stream, expected, next, records: records.collect(), unreadable: Vec::new() })
}

/// Bytes that could not be read.
pub fn unreadable(bytes: &'static [u8]) -> SetAside {
    SetAside { payload: Bytes::from_static(bytes), reason: "is not a record".to_owned() }
}

/// The most that each field takes.
#[must_use]
pub fn longest(call: Activity) -> Activity {
    let metadata = format!("{{\"k\":\"{}\"}}", "m".repeat(8_192 - 8));
    Activity {
        client: client_id(&"z".repeat(64)),
        id: ActivityId(Uuid::max()),
        endpoint: Endpoint::parse(&format!("/{}", "🦀".repeat(300))).expect("a path"),
        method: Method::parse(&"X".repeat(20)).expect("a method"),
        ip: Some([0xffff; 8].into()),
        user_agent: Some(Text::parse(&"ü".repeat(600)).expect("text")),
        request_bytes: Some(i64::MAX as u64),
        response_bytes: Some(i64::MAX as u64),
        error_message: Some(Text::parse(&"\u{10ffff}".repeat(600)).expect("text")),
        metadata: Some(Metadata::from_object(&metadata).expect("an object")),
        audit: Some(Sealed::parse(vec![0xff; Sealed::MAX]).expect("sealed bytes")),
        ..answered(call, 599, Some(86_400_000_000))
    }
}

/// What needs care in quoting, comparing or storing.
#[must_use]
pub fn strangest(call: Activity) -> Activity {
    let metadata = r#"{"":null,"n":1e400,"s":"\\ \" \ud83e\udd80 ' $1 ?","deep":[[[[{"a":[]}]]]]}"#;
    Activity {
        client: client_id("A-_."),
        endpoint: Endpoint::parse("/%00/'\"\\/;--/שלום").expect("a path"),
        ip: Some([0, 0, 0, 0].into()),
        user_agent: Some(Text::parse("").expect("text")),
        request_bytes: Some(0),
        response_bytes: Some(1),
        error_message: Some(Text::parse("a\r\n\tb\u{1}\u{7f}\u{feff}\u{202e}'").expect("text")),
        metadata: Some(Metadata::from_object(metadata).expect("an object")),
        ..call
    }
}
