//! A message between instances: a version byte, then postcard. What comes in is checked as if it came from outside.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::activity::{Activity, Endpoint, Metadata, Method, ResponseTime, Status, Text};
use activity_domain::error::Invalid;
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::live::{Hint, LiveEvent, SourceId};
use activity_domain::port::{News, Sign};
use activity_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::outbox::Parcel;

const VERSION: u8 = 1;
/// Longer than any that is sent.
const MAX_BYTES: usize = 4 << 20;

/// What an instance says.
#[derive(Debug)]
pub struct Heard {
    pub instance: u64,
    pub sign: Sign,
    pub events: News,
    pub hints: Vec<Hint>,
}

/// The order of the fields is the layout.
#[derive(Serialize, Deserialize)]
struct Layout<'a> {
    instance: u64,
    source: u64,
    number: u64,
    age_millis: u64,
    #[serde(borrow)]
    events: Vec<EventLayout<'a>>,
    #[serde(borrow)]
    hints: Vec<HintLayout<'a>>,
}

#[derive(Serialize, Deserialize)]
struct EventLayout<'a> {
    number: u64,
    own: u64,
    client: &'a str,
    id: [u8; 16],
    at_micros: i64,
    endpoint: &'a str,
    method: &'a str,
    status: u16,
    response_micros: Option<u64>,
    ip: Option<IpAddr>,
    user_agent: Option<&'a str>,
    request_bytes: Option<u64>,
    response_bytes: Option<u64>,
    error_message: Option<&'a str>,
    metadata: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
enum HintLayout<'a> {
    Usage(&'a str),
    Clients,
    Late,
    Erased(&'a str),
}

pub fn encode(instance: u64, sign: Sign, parcel: &Parcel) -> Result<Vec<u8>, Invalid> {
    let layout = Layout {
        instance,
        source: sign.source.0,
        number: sign.number,
        age_millis: u64::try_from(sign.age.as_millis()).unwrap_or(u64::MAX),
        events: parcel.events.iter().map(|event| laid_out(event)).collect(),
        hints: parcel.hints.iter().map(hint_laid_out).collect(),
    };
    postcard::to_extend(&layout, vec![VERSION])
        .map_err(|error| Invalid::new(format!("cannot be encoded: {error}")))
}

pub fn decode(bytes: &[u8]) -> Result<Heard, Invalid> {
    if bytes.len() > MAX_BYTES {
        return Err(Invalid::new("is too long"));
    }
    let Some((&VERSION, body)) = bytes.split_first() else {
        return Err(Invalid::new("is no message of version 1"));
    };
    let layout: Layout<'_> =
        postcard::from_bytes(body).map_err(|error| Invalid::new(format!("cannot be decoded: {error}")))?;
    let source = SourceId(layout.source);
    let events = layout.events.iter().map(|event| read(source, event).map(Arc::new));
    Ok(Heard {
        instance: layout.instance,
        sign: Sign { source, number: layout.number, age: Duration::from_millis(layout.age_millis) },
        events: events.collect::<Result<_, _>>()?,
        hints: layout.hints.iter().map(read_hint).collect::<Result<_, _>>()?,
    })
}

fn laid_out(event: &LiveEvent) -> EventLayout<'_> {
    let activity = &event.activity;
    EventLayout {
        number: event.number,
        own: event.own,
        client: activity.client.as_str(),
        id: *activity.id.0.as_bytes(),
        at_micros: activity.at.as_micros(),
        endpoint: activity.endpoint.as_str(),
        method: activity.method.as_str(),
        status: activity.status.stored(),
        response_micros: activity.response_time.map(ResponseTime::as_micros),
        ip: activity.ip,
        user_agent: activity.user_agent.as_ref().map(Text::as_str),
        request_bytes: activity.request_bytes,
        response_bytes: activity.response_bytes,
        error_message: activity.error_message.as_ref().map(Text::as_str),
        metadata: activity.metadata.as_ref().map(Metadata::as_str),
    }
}

fn read(source: SourceId, layout: &EventLayout<'_>) -> Result<LiveEvent, Invalid> {
    let activity = Activity {
        client: ClientId::parse(layout.client)?,
        id: ActivityId(Uuid::from_bytes(layout.id)),
        at: Timestamp::from_micros(layout.at_micros)?,
        endpoint: Endpoint::parse(layout.endpoint)?,
        method: Method::parse(layout.method)?,
        status: Status::from_stored(layout.status.into())?,
        response_time: layout.response_micros.map(ResponseTime::from_micros).transpose()?,
        ip: layout.ip,
        user_agent: layout.user_agent.map(Text::parse).transpose()?,
        request_bytes: layout.request_bytes,
        response_bytes: layout.response_bytes,
        error_message: layout.error_message.map(Text::parse).transpose()?,
        metadata: layout.metadata.map(Metadata::from_object).transpose()?,
        audit: None,
    };
    // They are counted from 1 on.
    if layout.number == 0 || layout.own == 0 || layout.own > layout.number {
        return Err(Invalid::new("has a number that cannot be"));
    }
    Ok(LiveEvent::new(source, layout.number, layout.own, activity))
}

fn hint_laid_out(hint: &Hint) -> HintLayout<'_> {
    match hint {
        Hint::Usage(client) => HintLayout::Usage(client.as_str()),
        Hint::Clients => HintLayout::Clients,
        Hint::Late => HintLayout::Late,
        Hint::Erased(client) => HintLayout::Erased(client.as_str()),
    }
}

fn read_hint(layout: &HintLayout<'_>) -> Result<Hint, Invalid> {
    Ok(match layout {
        HintLayout::Usage(client) => Hint::Usage(ClientId::parse(client)?),
        HintLayout::Clients => Hint::Clients,
        HintLayout::Late => Hint::Late,
        HintLayout::Erased(client) => Hint::Erased(ClientId::parse(client)?),
    })
}

#[cfg(test)]
mod tests {
    use activity_contract::make;
    use proptest::prelude::*;

    use super::*;

    fn parcel() -> (Sign, Parcel) {
        let sign = Sign { source: SourceId(7), number: 12, age: Duration::from_millis(90) };
        let calls = [
            make::call("CL-1", 1, "2026-03-10T10:00:00Z"),
            make::longest(make::call("CL-2", 2, make::LATEST)),
            make::strangest(make::call("CL-3", 3, "2026-03-10T10:00:00.000001Z")),
            Activity { status: Status::UNKNOWN, ..make::call("CL-4", 4, "2026-03-10T10:00:00Z") },
        ];
        let events =
            (10..).zip(calls).map(|(number, call)| Arc::new(LiveEvent::new(sign.source, number, 1, call)));
        let erased = Hint::Erased(make::client_id("CL-2"));
        let hints = vec![Hint::Usage(make::client_id("CL-1")), Hint::Clients, Hint::Late, erased];
        (sign, Parcel { sign: Some(sign), events: events.collect(), hints })
    }

    #[test]
    fn a_message_round_trips() {
        let (sign, parcel) = parcel();
        let heard = decode(&encode(99, sign, &parcel).unwrap()).unwrap();
        assert_eq!((heard.instance, heard.sign, heard.hints), (99, sign, parcel.hints));
        let told = |events: &News| -> Vec<_> {
            events.iter().map(|e| (e.source, e.number, e.own, e.activity.clone())).collect()
        };
        assert_eq!(told(&heard.events), told(&parcel.events));
    }

    proptest! {
        #[test]
        fn junk_never_panics(junk in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), byte: u8) {
            let _ = decode(&junk);
            let _ = decode(&[&[VERSION], &junk[..]].concat());
            let (sign, parcel) = parcel();
            let mut bytes = encode(99, sign, &parcel).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&bytes);
            let _ = decode(&bytes[..at]);
        }
    }
}
