//! No secret gets through, and everything else does.

use std::sync::Arc;

use activity_domain::activity::{Activity, Endpoint, Method, Status};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::key::ApiKey;
use activity_domain::redact::REDACTED;
use activity_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::json::clean;
use super::*;

const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDTC0xIn0.c2lnbmF0dXJlLWMtMQ-_x";
const KEY: &str =
    "atk_abcdefghijkm_5555555555555555555555555555555555555555555555555555555555555555_0123abcd";

fn clean_text(text: &str) -> String {
    clean(text.into()).as_str().unwrap().to_owned()
}

#[test]
fn secrets_in_json_are_replaced_and_the_rest_stays() {
    let body = json!({
        "user": "ada", "Password": "c4n4ry", "tokenCount": 3, "tokens": 12, "ok": true, "pin": 1234,
        "card": { "number": 4_111_111_111_111_111_u64, "holder": "Ada", "cvv": "123" },
        "items": [{ "api-key": ["c4n4ry"], "description": "pins" }, null, 1.5, 1_764_000_000_123_u64],
        "session": { "id": "c4n4ry" }, "hasPassword": true, "password": null, "secret": "",
        "headers": [{ "name": "authorization", "value": "c4n4ry" }, { "name": "accept", "value": "x" }],
        "note": format!("use {KEY} or {JWT}"), "raw": "{\"password\":\"c4n4ry\",\"a\":[1]}",
        format!("by {KEY}"): 1,
    });
    let expected = json!({
        "user": "ada", "Password": REDACTED, "tokenCount": 3, "tokens": 12, "ok": true, "pin": REDACTED,
        "card": { "number": REDACTED, "holder": "Ada", "cvv": REDACTED },
        "items": [{ "api-key": REDACTED, "description": "pins" }, null, 1.5, 1_764_000_000_123_u64],
        "session": REDACTED, "hasPassword": true, "password": null, "secret": "",
        "headers": [{ "name": "authorization", "value": REDACTED }, { "name": "accept", "value": "x" }],
        "note": "use [redacted] or [redacted]", "raw": "{\"a\":[1],\"password\":\"[redacted]\"}",
        "by [redacted]": 1,
    });
    assert_eq!(clean(body), expected);
}

#[test]
fn secrets_in_text_end_where_they_end() {
    for (text, expected) in [
        ("a=b&password=x%20y&c=d", "a=b&password=[redacted]&c=d"),
        ("password=x y&c=d", "password=[redacted]&c=d"),
        ("user%5Bpass%77ord%5D=x&a=", "user%5Bpass%77ord%5D=[redacted]&a="),
        ("GET /a?token=x;y&b=1 HTTP/1.1", "GET /a?token=[redacted]&b=1 HTTP/1.1"),
        ("GET /a?password=a,b HTTP/1.1", "GET /a?password=[redacted] HTTP/1.1"),
        ("<a href=\"/a?b=c&pw=a,b;c\">d", "<a href=\"/a?b=c&pw=[redacted]\">d"),
        ("log: user=a, password=b, c=d", "log: user=a, password=[redacted], c=d"),
        ("to Endpoint=a;AccountKey=b==;c=d", "to Endpoint=a;AccountKey=[redacted];c=d"),
        ("{\"a\":\"GET /?b=c&token=x,y\\\"\", ", "{\"a\":\"GET /?b=c&token=[redacted]\\\"\", "),
        (
            "<x:Assertion>y</x:Assertion> SAMLResponse=z",
            "<x:Assertion>[redacted]</x:Assertion> SAMLResponse=[redacted]",
        ),
        ("Cookie: a=b; c=d\r\nAccept: x", "Cookie: [redacted]\r\nAccept: x"),
        ("password: x y\nname: z", "password: [redacted]\nname: z"),
        ("{\"password\" : \"x\\\"y\\\\\", \"b\": 1", "{\"password\" : \"[redacted]\", \"b\": 1"),
        ("{\"pin\":1234,\"otp\": null,\"b\":1", "{\"pin\":[redacted],\"otp\": null,\"b\":1"),
        ("{\"session\":{\"id\":\"x\"},\"b\":", "{\"session\":[redacted]"),
        ("log {\\\"pwd\\\":\\\"x\\\",\\\"b\\\":1}", "log {\\\"pwd\\\":\\\"[redacted]\\\",\\\"b\\\":1}"),
        (
            "<a><s:Password t='x'>y</s:Password><b>c</b></a>",
            "<a><s:Password t='x'>[redacted]</s:Password><b>c</b></a>",
        ),
        ("<secret><![CDATA[x<y]]></secret>", "<secret><![CDATA[[redacted]]]></secret>"),
        ("<credentials>\n <a>b</a></credentials>", "<credentials>\n <a>b</a></credentials>"),
        (
            "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx=1\r\n--B--",
            "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n[redacted]\r\n--B--",
        ),
        ("A=1\nPASSWORD=x y\nB=2", "A=1\nPASSWORD=[redacted]\nB=2"),
        ("payload=%7B%22token%22%3A%22x%22%7D&a=%7B%7D", "payload=[redacted]&a=%7B%7D"),
        ("/login?next=https%3A%2F%2Fa%2F%3Fpassword%3Dx&a=%2F", "/login?next=[redacted]&a=%2F"),
        ("at Session::new() line 12:30", "at Session::new() line 12:30"),
        ("a description: shipping pins", "a description: shipping pins"),
        ("{\"a\": 1.50}", "{\"a\": 1.50}"),
    ] {
        assert_eq!(clean_text(text), expected, "{text}");
    }
}

/// What takes minutes is not linear.
pub fn in_time(search: impl FnOnce() + Send + 'static) {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        search();
        done.send(())
    });
    is_done.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
}

#[test]
fn the_search_is_linear() {
    in_time(|| {
        for unit in [
            "=",
            ":",
            ">",
            "<password>",
            "name=\"password\"\n\n",
            "name=\"x",
            "password=",
            "\"pin\":",
            "\\",
            "{",
            "<",
            "a=",
            "a=%",
            "x=%3D",
        ] {
            clean_text(&unit.repeat(300_000 / unit.len()));
        }
    });
}

#[test]
fn what_is_nested_too_deep_is_taken_out() {
    let deep = (0..1_000).fold(json!(1), |inner, _| Value::Array(vec![inner]));
    let text = clean(deep).to_string();
    assert!(text.len() < 1_000 && text.contains(REDACTED), "{}", text.len());
}

const NAMES: &[&str] =
    &["password", "X-Api-Key", "clientSecret", "ACCESS_TOKEN", "cvv", "card_number", "user[pwd]"];

/// What nothing else looks like.
fn secret() -> impl Strategy<Value = String> {
    "Zq[A-Za-z0-9!*~_-]{6,20}qZ"
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES)
}

/// JSON without anything that is a secret.
fn plain() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-1_000i64..1_000).prop_map(Value::from),
        "[a-y ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("f[0-9]{1,3}", inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Puts a field somewhere into JSON, if there is an object.
fn plant(value: &mut Value, name: &str, field: &Value, place: usize) -> bool {
    match value {
        Value::Object(fields) => {
            let count = fields.len();
            if count > 0 && !place.is_multiple_of(2) {
                let inside = fields.values_mut().nth(place % count);
                if inside.is_some_and(|inside| plant(inside, name, field, place / 2)) {
                    return true;
                }
            }
            fields.insert(name.to_owned(), field.clone());
            true
        }
        Value::Array(items) => items.iter_mut().any(|item| plant(item, name, field, place / 2)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_holds_no_secret_is_unchanged(value in plain()) {
        prop_assert_eq!(clean(value.clone()), value.clone());
        let text = value.to_string();
        prop_assert_eq!(clean_text(&text), text.as_str());
    }

    #[test]
    fn a_planted_secret_alone_is_replaced(value in plain(), name in name(), secret in secret(), place in any::<usize>()) {
        let (mut with, mut without) = (value.clone(), value);
        if plant(&mut with, name, &json!(secret), place) {
            plant(&mut without, name, &json!(REDACTED), place);
            prop_assert_eq!(clean(with.clone()), without.clone());
            // The same as text, and as text in JSON.
            let inside = clean(json!({ "body": with.to_string() }));
            prop_assert_eq!(serde_json::from_str::<Value>(inside["body"].as_str().unwrap()).unwrap(), without);
            // And cut off anywhere, so that it is not JSON any more.
            let text = with.to_string();
            let cut = &text[..text.floor_char_boundary(place % (text.len() + 1))];
            let clean = clean_text(cut);
            prop_assert!(!clean.contains("Zq"), "{} from {}", clean, cut);
        }
    }

    #[test]
    fn forms_and_headers_lose_secrets_only(fields in prop::collection::vec(("[a-f]{1,8}", "[a-f =&/]{0,8}"), 0..5), name in name(), secret in secret(), at in 0usize..6) {
        let encode = |secret: &str| {
            let mut pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            pairs.retain(|(name, _)| !names::is_sensitive(name));
            pairs.insert(at.min(pairs.len()), (name, "SECRET"));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace("SECRET", secret)
        };
        let form = encode(&form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>());
        prop_assert_eq!(clean_text(&form), encode(REDACTED));
        let url = format!("see https://api.example.org/x?{form} there");
        prop_assert!(!clean_text(&url).contains("Zq"));
        let header = format!("accept: a\r\n{name}: {secret}\r\nhost: b");
        prop_assert!(!clean_text(&header).contains("Zq"));
    }

    #[test]
    fn keys_tokens_and_credentials_are_found_in_any_text(before in "\\PC{0,20}", after in "\\PC{0,20}", seed in any::<u64>(), user in "[a-z]{1,8}", secret in secret()) {
        let (_, key) = ApiKey::generate(&Seeded(seed));
        for (text, hidden) in [
            (key.reveal().to_owned(), key.reveal()),
            (JWT.to_owned(), JWT),
            (format!(" Bearer {secret}"), &secret[2..]),
            (format!("https://{user}:{secret}@db/x"), secret.as_str()),
            ("4111 1111 1111 1111".to_owned(), "1111 1111 1111"),
            (format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"), &secret),
        ] {
            let clean = clean_text(&format!("{before}\n{text}\n{after}"));
            prop_assert!(!clean.contains(hidden), "{}", clean);
        }
    }

    #[test]
    fn twice_is_once_and_nothing_panics(text in "([\\PC\r\n\t]|[=:>&\"'\\\\<;{}\\[\\]./ +-]|password|token|pin|Bearer |basic |name=|://|@|eyJ|atk_|4111|<!\\[CDATA\\[|-----BEGIN |PRIVATE KEY|%5B|%3D|%22|&|\\[redacted\\]){0,40}") {
        let once = clean_text(&text);
        prop_assert_eq!(clean_text(&once), once.as_str(), "from {}", text);
        let value = clean(json!({ &text: [&text] }));
        prop_assert_eq!(clean(value.clone()), value);
    }
}

struct Seeded(u64);
impl activity_domain::port::Randomness for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = self.0.rotate_left(u32::try_from(place * 7 % 64).unwrap_or(0)).to_le_bytes()[0];
        }
    }
}

/// Seals nothing: what would be sealed is there to be looked at.
struct Glass;
impl Vault for Glass {
    fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid> {
        Sealed::parse([context, plaintext].concat())
    }
    fn mark(&self) -> Vec<u8> {
        Vec::new()
    }
    fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Vec<u8>, Unopened> {
        sealed.as_bytes().strip_prefix(context).map(<[u8]>::to_vec).ok_or(Unopened::Altered)
    }
}

/// Has another key than the one that sealed.
struct Locked;
impl Vault for Locked {
    fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid> {
        Glass.seal(plaintext, context)
    }
    fn mark(&self) -> Vec<u8> {
        Glass.mark()
    }
    fn open(&self, _: &Sealed, _: &[u8]) -> Result<Vec<u8>, Unopened> {
        Err(Unopened::NoKey("1a2b".to_owned()))
    }
}

fn event(fields: &Value) -> Event {
    let mut event = json!({ "endpoint": "/a", "method": "GET", "statusCode": 200 });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}

/// The activity of an event, and its trail as it is shown.
fn kept(audit: &Audit, mut event: Event) -> (Activity, Option<Value>) {
    let (client, id) = (ClientId::parse("CL-1").unwrap(), ActivityId(Uuid::from_u128(7)));
    let at = Timestamp::from_micros(1_764_000_000_000_000).unwrap();
    let plain = Activity {
        client,
        id,
        at,
        endpoint: Endpoint::parse("/a").unwrap(),
        method: Method::parse("GET").unwrap(),
        status: Status::parse(200).unwrap(),
        response_time: None,
        ip: None,
        user_agent: None,
        request_bytes: None,
        response_bytes: None,
        error_message: None,
        metadata: None,
        audit: None,
    };
    let sealed = audit.wanted(&mut event).and_then(|sent| audit.seal(&sent, &plain).unwrap());
    let activity = Activity { audit: sealed, ..plain };
    let shown = audit.reveal(&activity).map(|trail| serde_json::to_value(trail).unwrap());
    (activity, shown)
}

#[test]
fn the_setting_decides_what_is_kept() {
    let all =
        || event(&json!({ "requestHeaders": { "accept": "x" }, "requestBody": "a", "responseBody": [1] }));
    let audit = |capture| Audit::keeping(capture, 100, Arc::new(Glass));
    assert_eq!(kept(&Audit::off(None), all()).1, None);
    assert_eq!(kept(&audit(Capture::Headers), all()).1, Some(json!({ "requestHeaders": { "accept": "x" } })));
    let full = json!({ "requestHeaders": { "accept": "x" }, "requestBody": "a", "responseBody": [1] });
    assert_eq!(kept(&audit(Capture::Full), all()).1, Some(full));
    let bodies = || event(&json!({ "requestBody": "a", "responseBody": null }));
    assert_eq!(kept(&audit(Capture::Headers), bodies()).1, None);
    assert_eq!(kept(&audit(Capture::Full), bodies()).1, Some(json!({ "requestBody": "a" })));
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let long = json!({ "requestHeaders": { "a": "b" }, "requestBody": "\u{1}".repeat(20_000), "responseBody": { "x": ["ä".repeat(20_000), 1] } });
    for max in [20, MAX_BYTES, usize::MAX] {
        let (_, shown) = kept(&Audit::keeping(Capture::Full, max, Arc::new(Glass)), event(&long));
        let shown = shown.unwrap();
        assert_eq!(shown["truncated"], json!(["requestBody", "responseBody"]));
        assert_eq!(shown["requestHeaders"], json!({ "a": "b" }));
        assert!(shown["responseBody"]["x"][0].as_str().unwrap().starts_with('ä'));
        for field in ["requestBody", "responseBody"] {
            assert!(shown[field].to_string().len() <= max.min(MAX_BYTES));
        }
    }
}

#[test]
fn a_trail_that_does_not_open_says_why() {
    let audit = Audit::keeping(Capture::Full, 100, Arc::new(Glass));
    let (activity, _) = kept(&audit, event(&json!({ "requestBody": "a" })));
    let says = |trail: Option<AuditTrail>| trail.and_then(|trail| trail.unreadable).unwrap_or_default();
    assert!(says(Audit::off(None).reveal(&activity)).contains("ENCRYPTION_KEY"));
    let missing = says(reveal(&Locked, &activity));
    assert!(missing.contains("1a2b") && missing.contains("ENCRYPTION_KEY"), "{missing}");
    // The same trail in another row.
    let moved = Activity { id: ActivityId(Uuid::from_u128(8)), ..activity.clone() };
    assert!(says(reveal(&Glass, &moved)).contains("belongs elsewhere"));
    let strange = context(&activity.client, activity.id, activity.at);
    let strange = Activity { audit: Some(Sealed::parse([&strange[..], b"?"].concat()).unwrap()), ..activity };
    assert!(says(reveal(&Glass, &strange)).contains("form"));
}
