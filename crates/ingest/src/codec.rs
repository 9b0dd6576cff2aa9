//! An activity as bytes: a version byte, then postcard. A record written by an older version of the
//! program must stay readable, so a changed layout gets a new version and keeps the old decoder.

use std::net::IpAddr;

use activity_domain::activity::{Activity, Endpoint, Metadata, Method, ResponseTime, Status, Text};
use activity_domain::error::Invalid;
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const VERSION: u8 = 1;

/// Version 1. The order of the fields is the layout.
#[derive(Serialize, Deserialize)]
struct Layout<'a> {
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

/// Appends an activity's bytes.
pub fn encode(activity: &Activity, out: Vec<u8>) -> Result<Vec<u8>, Invalid> {
    let layout = Layout {
        client: activity.client.as_str(),
        id: *activity.id.0.as_bytes(),
        at_micros: activity.at.as_micros(),
        endpoint: activity.endpoint.as_str(),
        method: activity.method.as_str(),
        status: activity.status.code(),
        response_micros: activity.response_time.map(ResponseTime::as_micros),
        ip: activity.ip,
        user_agent: activity.user_agent.as_ref().map(Text::as_str),
        request_bytes: activity.request_bytes,
        response_bytes: activity.response_bytes,
        error_message: activity.error_message.as_ref().map(Text::as_str),
        metadata: activity.metadata.as_ref().map(Metadata::as_str),
    };
    let mut out = out;
    out.push(VERSION);
    postcard::to_extend(&layout, out).map_err(|error| Invalid::new(format!("cannot be encoded: {error}")))
}

/// Reads an activity's bytes, checking every value as if it came from outside.
pub fn decode(bytes: &[u8]) -> Result<Activity, Invalid> {
    let Some((&VERSION, body)) = bytes.split_first() else {
        return Err(Invalid::new("is not a record of version 1"));
    };
    let (layout, rest): (Layout, _) = postcard::take_from_bytes(body)
        .map_err(|error| Invalid::new(format!("cannot be decoded: {error}")))?;
    if !rest.is_empty() {
        return Err(Invalid::new("has bytes behind its end"));
    }
    Ok(Activity {
        client: ClientId::parse(layout.client)?,
        id: ActivityId(Uuid::from_bytes(layout.id)),
        at: Timestamp::from_micros(layout.at_micros)?,
        endpoint: Endpoint::parse(layout.endpoint)?,
        method: Method::parse(layout.method)?,
        status: Status::parse(layout.status.into())?,
        response_time: layout.response_micros.map(ResponseTime::from_micros).transpose()?,
        ip: layout.ip,
        user_agent: layout.user_agent.map(Text::parse).transpose()?,
        request_bytes: layout.request_bytes,
        response_bytes: layout.response_bytes,
        error_message: layout.error_message.map(Text::parse).transpose()?,
        metadata: layout.metadata.map(Metadata::from_object).transpose()?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        pub(crate) fn activity()(
            client in "[a-zA-Z0-9._-]{1,64}", id in any::<u128>(), at in 0i64..253_402_214_400_000_000,
            endpoint in "/\\PC{0,40}", method in "[A-Z]{1,20}", status in 100i64..600,
            response in prop::option::of(0u64..=86_400_000_000), ip in any::<Option<IpAddr>>(),
            agent in prop::option::of("\\PC{0,40}"), sizes in any::<(Option<u64>, Option<u64>)>(),
            message in prop::option::of("\\PC{0,40}"), metadata in any::<bool>(),
        ) -> Activity {
            Activity {
                client: ClientId::parse(&client).unwrap(),
                id: ActivityId(Uuid::from_u128(id)),
                at: Timestamp::from_micros(at).unwrap(),
                endpoint: Endpoint::parse(&endpoint).unwrap(),
                method: Method::parse(&method).unwrap(),
                status: Status::parse(status).unwrap(),
                response_time: response.map(|m| ResponseTime::from_micros(m).unwrap()),
                ip,
                user_agent: agent.map(|t| Text::parse(&t).unwrap()),
                request_bytes: sizes.0,
                response_bytes: sizes.1,
                error_message: message.map(|t| Text::parse(&t).unwrap()),
                metadata: metadata.then(|| Metadata::from_object("{\"a\":[1,null]}").unwrap()),
            }
        }
    }

    proptest! {
        #[test]
        fn an_activity_round_trips(activity in activity()) {
            let bytes = encode(&activity, Vec::new()).unwrap();
            prop_assert_eq!(decode(&bytes), Ok(activity));
        }

        /// Whatever decodes is an activity like any other: it is written in one way, which decodes to it.
        #[test]
        fn what_decodes_round_trips(
            activity in activity(), at in any::<prop::sample::Index>(), byte: u8, more in prop::option::of(any::<u8>()),
        ) {
            let mut bytes = encode(&activity, Vec::new()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.extend(more);
            if let Ok(decoded) = decode(&bytes) {
                prop_assert!(more.is_none(), "what follows is no part of it");
                let again = encode(&decoded, Vec::new()).unwrap();
                prop_assert!(again.len() <= bytes.len());
                prop_assert_eq!(decode(&again), Ok(decoded));
            }
        }

        #[test]
        fn junk_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
        }
    }
}
