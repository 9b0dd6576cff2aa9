//! Any bytes as a body of events: never a panic, every item is taken or refused, and what is taken is made
//! of values that parse to themselves, as they have to when they come back from the spool.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryStore};
use activity_domain::activity::{Activity, AgePolicy, Endpoint, Metadata, Method, Text};
use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::service::{Access, Caller};
use activity_domain::time::Timestamp;
use activity_http::audit::{Audit, Capture};
use activity_http::extract::Media;
use activity_http::operations::events::{Checks, Items, Rejection, parse, split};
use futures_util::FutureExt;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use crate::audit::Glass;

const FIELDS: [&str; 17] = [
    "endpoint",
    "method",
    "statusCode",
    "responseTime",
    "timestamp",
    "id",
    "ipAddress",
    "userAgent",
    "requestBytes",
    "responseBytes",
    "errorMessage",
    "metadata",
    "requestHeaders",
    "requestBody",
    "responseBody",
    "clientId",
    "other",
];

const VALUES: [&str; 26] = [
    "null",
    "true",
    "0",
    "-1",
    "200",
    "599",
    "12.345",
    "1e2",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "\"/a?b#c\"",
    "\"https://x/y\"",
    "\"get\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"ä\\n\"",
    "\"2026-09-20T12:00:00.1234567+01:00\"",
    "\"01890000-0000-7000-8000-000000000001\"",
    "\"::ffff:192.0.2.7\"",
    "\"CL-a\"",
    "[]",
    "{}",
    "{\"a\":[1,{\"b\":\"\\u00e4\"}]}",
    "[[[[]]]]",
    "nonsense",
];

prop_compose! {
    /// An event that has what it needs more often than not.
    fn event()(
        whole in prop::bool::weighted(0.8),
        more in prop::collection::vec((prop::sample::select(&FIELDS[..]), prop::sample::select(&VALUES[..])), 0..4),
    ) -> String {
        let needed = [("endpoint", "\"/a\""), ("method", "\"GET\""), ("statusCode", "200")];
        let needed = needed.iter().copied().filter(|_| whole);
        let fields: Vec<String> = needed.chain(more).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// Events with something between them, and perhaps a byte that is another.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let separator = prop::sample::select(vec![",", "\n", "\r\n", ", \n", " "]);
    let flip = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    let events = (prop::collection::vec(event(), 0..6), separator, any::<bool>(), flip);
    let events = events.prop_map(|(events, separator, is_array, flip)| {
        let text = events.join(separator);
        let mut bytes = if is_array { format!("[{text}]") } else { text }.into_bytes();
        if let (Some((at, byte)), false) = (flip, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![4 => events, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn caller(role: Role) -> Caller {
    let client = Client {
        id: ClientId::parse("CL-a").unwrap(),
        name: ClientName::parse("Ada").unwrap(),
        email: None,
        role,
        rate_limit: RateLimit::parse(1).unwrap(),
        limits: ClientLimits::default(),
        is_active: true,
        created_at: Timestamp::from_seconds(0).unwrap(),
    };
    Caller { client: Arc::new(client), key: KeyId::from_bits([0; 12]), key_ends: None, request: None }
}

fn parses_to_itself(activity: &Activity) -> bool {
    let Activity {
        endpoint,
        method,
        user_agent,
        error_message,
        metadata,
        at,
        request_bytes,
        response_bytes,
        ..
    } = activity;
    Endpoint::parse(endpoint.as_str()).as_ref() == Ok(endpoint)
        && Method::parse(method.as_str()).as_ref() == Ok(method)
        && user_agent.as_ref().is_none_or(|text| Text::parse(text.as_str()).as_ref() == Ok(text))
        && error_message.as_ref().is_none_or(|text| Text::parse(text.as_str()).as_ref() == Ok(text))
        && metadata.as_ref().is_none_or(|text| {
            !text.as_str().contains('\n') && Metadata::from_object(text.as_str()).as_ref() == Ok(text)
        })
        && Timestamp::parse(&at.to_string()).as_ref() == Ok(at)
        && [request_bytes, response_bytes].into_iter().flatten().all(|bytes| i64::try_from(*bytes).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_item_is_taken_or_refused(body in body(), is_lines: bool, is_service: bool) {
        let media = if is_lines { Media::Ndjson } else { Media::Json };
        let items = match split(media, &body) {
            Ok(Items::One(item)) => vec![item],
            Ok(Items::Many(items)) => items,
            Err(problem) => {
                // Lines are split whatever is in them.
                prop_assert!(!is_lines, "{problem}");
                return Ok(());
            }
        };
        let now = Timestamp::parse("2026-09-20T12:00:00Z").unwrap();
        let access = Access::new(Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(now)));
        let audit = Audit::keeping(Capture::Full, 1_000, Arc::new(Glass));
        let caller = caller(if is_service { Role::Service } else { Role::Client });
        let ages = AgePolicy { client_max_days: 7, retention_days: None };
        let checks = Checks { caller: &caller, access: &access, ages, now, known: RefCell::default(), is_cut_off: Cell::default() };
        for item in &items {
            let parsed = parse(item).and_then(|mut event| {
                let activity = checks.activity(&event).now_or_never().unwrap().unwrap()?;
                let Some(sent) = audit.wanted(&mut event) else { return Ok(activity) };
                let sealed = audit.seal(&sent, &activity);
                let audit = sealed.map_err(|(field, reason)| Rejection::new(field, reason.0))?;
                Ok(Activity { audit, ..activity })
            });
            match parsed {
                Ok(activity) => {
                    prop_assert!(!is_service, "no client is known");
                    let is_json = item.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(item).is_ok();
                    prop_assert!(is_json);
                    prop_assert!(parses_to_itself(&activity), "{activity:?}");
                }
                Err(rejection) => prop_assert!((1..1_000).contains(&rejection.sentence().len())),
            }
        }
    }

    /// The items of an array are its elements, byte for byte.
    #[test]
    fn an_array_is_split_into_its_elements(items in prop::collection::vec(event(), 0..6), blank in "[ \n\t]{0,3}") {
        let text = format!("{blank}[{blank}{}{blank}]{blank}", items.join(&format!("{blank},{blank}")));
        match split(Media::Json, text.as_bytes()) {
            Ok(Items::Many(found)) => {
                let items: Vec<&[u8]> = items.iter().map(String::as_bytes).collect();
                prop_assert_eq!(found, items);
            }
            Ok(Items::One(_)) => prop_assert!(false, "an array is many"),
            Err(_) => prop_assert!(items.iter().any(|item| item.contains("nonsense"))),
        }
    }
}

/// Of a client that it does not know, the store is asked once in a request, however many events name it. Once it
/// does not answer, it is asked no more, and services are believed.
#[test]
fn an_unknown_client_is_looked_up_once() {
    let now = Timestamp::parse("2026-09-20T12:00:00Z").unwrap();
    let store = Arc::new(MemoryStore::default());
    let access = Access::new(store.clone(), Arc::new(ManualClock::new(now)));
    let caller = caller(Role::Service);
    let ages = AgePolicy { client_max_days: 7, retention_days: None };
    let checks = Checks {
        caller: &caller,
        access: &access,
        ages,
        now,
        known: RefCell::default(),
        is_cut_off: Cell::default(),
    };
    let event = |client| {
        let event = format!(r#"{{"endpoint":"/a","method":"GET","statusCode":200,"clientId":"{client}"}}"#);
        parse(event.as_bytes()).unwrap()
    };
    let check = |client| checks.activity(&event(client)).now_or_never().unwrap();
    assert_eq!(check("CL-nobody").unwrap().unwrap_err().field, "clientId");
    store.cut_off();
    assert_eq!(check("CL-nobody").unwrap().unwrap_err().field, "clientId");
    for client in ["CL-other", "CL-another"] {
        assert_eq!(check(client).unwrap().unwrap().client.as_str(), client);
    }
    store.heal();
    assert!(check("CL-third").unwrap().is_ok(), "it is not asked again in this request");
    checks.is_cut_off.set(false);
    assert_eq!(check("CL-third").unwrap().unwrap_err().field, "clientId");
}
