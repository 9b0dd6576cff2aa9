//! An activity as bytes: a version byte, then postcard. A record written by an older version of the
//! program must stay readable, so a changed layout gets a new version and keeps the old decoder.
//!
//! | Version | Layout |
//! |---|---|
//! | 1 | [`Layout`] |
//! | 2 | the same, then the sealed audit trail or none |

use std::net::IpAddr;

use activity_domain::activity::{Activity, Endpoint, Metadata, Method, ResponseTime, Status, Text};
use activity_domain::audit::Sealed;
use activity_domain::error::Invalid;
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const VERSION: u8 = 2;
const WITHOUT_AUDIT: u8 = 1;

/// The order of the fields is the layout.
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
        status: activity.status.stored(),
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
    let audit = activity.audit.as_ref().map(Sealed::as_bytes);
    postcard::to_extend(&layout, out)
        .and_then(|out| postcard::to_extend(&audit, out))
        .map_err(|error| Invalid::new(format!("cannot be encoded: {error}")))
}

/// Reads an activity's bytes, checking every value as if it came from outside.
pub fn decode(bytes: &[u8]) -> Result<Activity, Invalid> {
    let Some((version @ (&VERSION | &WITHOUT_AUDIT), body)) = bytes.split_first() else {
        return Err(Invalid::new("is not a record of version 1 or 2"));
    };
    let broken = |error| Invalid::new(format!("cannot be decoded: {error}"));
    let (layout, rest) = postcard::take_from_bytes::<Layout>(body).map_err(broken)?;
    let (audit, rest): (Option<&[u8]>, _) =
        if *version == VERSION { postcard::take_from_bytes(rest).map_err(broken)? } else { (None, rest) };
    if !rest.is_empty() {
        return Err(Invalid::new("has bytes behind its end"));
    }
    Ok(Activity {
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
        audit: audit.map(Sealed::parse).transpose()?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        pub(crate) fn activity()(
            client in "[a-zA-Z0-9._-]{1,64}", id in any::<u128>(), at in 0i64..253_402_214_400_000_000,
            endpoint in "/\\PC{0,40}", method in "[A-Z]{1,20}", status in prop_oneof![9 => 100i64..600, 1 => Just(0)],
            response in prop::option::of(0u64..=86_400_000_000), ip in any::<Option<IpAddr>>(),
            agent in prop::option::of("\\PC{0,40}"), sizes in any::<(Option<u64>, Option<u64>)>(),
            message in prop::option::of("\\PC{0,40}"), metadata in any::<bool>(),
            audit in prop::option::of(prop::collection::vec(any::<u8>(), 1..300)),
        ) -> Activity {
            Activity {
                client: ClientId::parse(&client).unwrap(),
                id: ActivityId(Uuid::from_u128(id)),
                at: Timestamp::from_micros(at).unwrap(),
                endpoint: Endpoint::parse(&endpoint).unwrap(),
                method: Method::parse(&method).unwrap(),
                status: Status::from_stored(status).unwrap(),
                response_time: response.map(|m| ResponseTime::from_micros(m).unwrap()),
                ip,
                user_agent: agent.map(|t| Text::parse(&t).unwrap()),
                request_bytes: sizes.0,
                response_bytes: sizes.1,
                error_message: message.map(|t| Text::parse(&t).unwrap()),
                metadata: metadata.then(|| Metadata::from_object("{\"a\":[1,null]}").unwrap()),
                audit: audit.map(|bytes| Sealed::parse(bytes).unwrap()),
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
            for version in [VERSION, WITHOUT_AUDIT] {
                bytes.insert(0, version);
                let _ = decode(&bytes);
            }
        }
    }

    /// What a program wrote that knew version 1 only.
    const VERSION_1: [&str; 2] = [
        "010a434c2d6162632e445f31019000000000700080000000000000018089a196a896a2060d2f76312f7468696e67732fc3a4\
         055041544348f70301b960010120010db8000000000000000000000001010d6f6b687474702f342e31322e30010700010874\
         6f6f20736c6f77010e7b2261223a5b312c6e756c6c5d7d",
        "010a434c2d6162632e445f31019000000000700080000000000000018089a196a896a2060d2f76312f7468696e67732fc3a4\
         055041544348f70300000000000000",
    ];

    #[test]
    fn records_of_version_1_stay_readable() {
        let bytes = |hex: &str| -> Vec<u8> {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        };
        let plain = Activity {
            client: ClientId::parse("CL-abc.D_1").unwrap(),
            id: ActivityId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
            at: Timestamp::from_micros(1_764_000_000_123_456).unwrap(),
            endpoint: Endpoint::parse("/v1/things/ä").unwrap(),
            method: Method::parse("PATCH").unwrap(),
            status: Status::parse(503).unwrap(),
            response_time: None,
            ip: None,
            user_agent: None,
            request_bytes: None,
            response_bytes: None,
            error_message: None,
            metadata: None,
            audit: None,
        };
        let full = Activity {
            response_time: Some(ResponseTime::from_micros(12_345).unwrap()),
            ip: Some("2001:db8::1".parse().unwrap()),
            user_agent: Some(Text::parse("okhttp/4.12.0").unwrap()),
            request_bytes: Some(7),
            error_message: Some(Text::parse("too slow").unwrap()),
            metadata: Some(Metadata::from_object("{\"a\":[1,null]}").unwrap()),
            ..plain.clone()
        };
        assert_eq!(VERSION_1.map(|hex| decode(&bytes(hex))), [Ok(full), Ok(plain)]);
    }

    /// The largest activity there is has room in a frame.
    #[test]
    fn the_longest_record_fits_into_a_frame() {
        let longest = Activity {
            client: ClientId::parse(&"z".repeat(64)).unwrap(),
            id: ActivityId(Uuid::max()),
            at: Timestamp::parse("9999-12-30T22:00:00Z").unwrap(),
            endpoint: Endpoint::parse(&"/".repeat(1_024)).unwrap(),
            method: Method::parse(&"X".repeat(20)).unwrap(),
            status: Status::parse(599).unwrap(),
            response_time: Some(ResponseTime::from_micros(86_400_000_000).unwrap()),
            ip: Some([0xffff; 8].into()),
            user_agent: Some(Text::parse(&"u".repeat(512)).unwrap()),
            request_bytes: Some(u64::MAX),
            response_bytes: Some(u64::MAX),
            error_message: Some(Text::parse(&"e".repeat(2_048)).unwrap()),
            metadata: Some(Metadata::from_object(&format!("{{{}", "m".repeat(8_191))).unwrap()),
            audit: Some(Sealed::parse(vec![0xff; Sealed::MAX]).unwrap()),
        };
        let bytes = encode(&longest, Vec::new()).unwrap();
        assert!(bytes.len() <= crate::frame::MAX_PAYLOAD, "{}", bytes.len());
        assert_eq!(decode(&bytes), Ok(longest));
    }
}
