//! An activity: one call that a client made to the owner's API.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::audit::Sealed;
use crate::error::Invalid;
use crate::id::{ActivityId, ClientId};
use crate::redact::redact;
use crate::time::Timestamp;

/// One recorded call. `(client, id, at)` identifies it: the same triple is counted once.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Who called.
    pub client: ClientId,
    /// The sender's or the server's id for it.
    pub id: ActivityId,
    /// Event time; days and buckets follow it, never arrival.
    pub at: Timestamp,
    /// The path that was called.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: Method,
    /// The HTTP status of the answer.
    pub status: Status,
    /// How long the answer took.
    pub response_time: Option<ResponseTime>,
    /// Where the call came from.
    pub ip: Option<IpAddr>,
    /// The caller's User-Agent, cut at 512 bytes.
    pub user_agent: Option<Text<512>>,
    /// Size of the request's body in bytes.
    pub request_bytes: Option<u64>,
    /// Size of the answer's body in bytes.
    pub response_bytes: Option<u64>,
    /// What went wrong, in the sender's words, cut at 2,048 bytes.
    pub error_message: Option<Text<2048>>,
    /// Anything else: a JSON object.
    pub metadata: Option<Metadata>,
    /// Headers and bodies, where they are kept. A store gives them back only when asked to.
    pub audit: Option<Sealed>,
}

/// Text without NUL. What is longer than `MAX` bytes is cut at a character's border: a caller must
/// not escape being counted by sending a long header. Our keys and tokens are taken out of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text<const MAX: usize>(Box<str>);

impl<const MAX: usize> Text<MAX> {
    /// Takes text, cutting what is too long.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.contains('\0') {
            return Err(Invalid::new("must not contain the NUL character"));
        }
        // Before the cut, which could leave most of a key.
        let text = redact(text);
        Ok(Self(text[..text.floor_char_boundary(MAX)].into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A path without scheme, host, query or fragment, and without our keys and tokens; at most 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(Box<str>);

impl Endpoint {
    /// Takes a path or URL. Query and fragment are dropped, for they may hold secrets and never end;
    /// a path over 1,024 bytes is cut.
    pub fn parse(target: &str) -> Result<Self, Invalid> {
        let path = match target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => {
                rest.find('/').map_or("/", |at| &rest[at..])
            }
            _ => target,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = if path.is_empty() && !target.is_empty() { "/" } else { path };
        if path.is_empty() {
            return Err(Invalid::new("must not be empty"));
        }
        if path.chars().any(char::is_control) {
            return Err(Invalid::new("must not contain control characters"));
        }
        let path = redact(path);
        Ok(Self(path[..path.floor_char_boundary(1_024)].into()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An HTTP method: 1 to 20 letters, in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(Cow<'static, str>);

/// Methods that go by their own name when they are counted. Stores keep their places: add at the end only.
pub(crate) const KNOWN_METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

impl Method {
    /// Takes a method in either case.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if let Some(known) = KNOWN_METHODS.iter().find(|known| known.eq_ignore_ascii_case(text)) {
            return Ok(Self(Cow::Borrowed(known)));
        }
        let legal = |b: u8| b.is_ascii_alphabetic() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > 20 || !text.bytes().all(legal) {
            return Err(Invalid::new("must be an HTTP method, such as GET"));
        }
        Ok(Self(Cow::Owned(text.to_ascii_uppercase())))
    }

    /// The method.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An HTTP status from 100 to 599, or [`Self::UNKNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// Of a call that was recorded before it was answered. It is no error.
    pub const UNKNOWN: Self = Self(0);

    /// Takes a status code.
    pub fn parse(code: i64) -> Result<Self, Invalid> {
        match u16::try_from(code) {
            Ok(code @ 100..=599) => Ok(Self(code)),
            _ => Err(Invalid::new("must be between 100 and 599")),
        }
    }

    /// From what [`Self::stored`] gave.
    pub fn from_stored(code: i64) -> Result<Self, Invalid> {
        if code == 0 { Ok(Self::UNKNOWN) } else { Self::parse(code) }
    }

    /// The number that a spool or store keeps: the code, 0 if it is not known.
    pub fn stored(self) -> u16 {
        self.0
    }

    /// The code, if it is known.
    pub fn code(self) -> Option<u16> {
        (self != Self::UNKNOWN).then_some(self.0)
    }

    /// Whether it counts as an error: 400 and above.
    pub fn is_error(self) -> bool {
        self.0 >= 400
    }
}

/// How long an answer took, to the microsecond, up to 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseTime(u64);

impl ResponseTime {
    const MAX_MICROS: u64 = 24 * 3_600 * 1_000_000;

    /// From microseconds.
    pub fn from_micros(micros: u64) -> Result<Self, Invalid> {
        if micros > Self::MAX_MICROS {
            return Err(Invalid::new("must be at most 86400000 milliseconds (24 hours)"));
        }
        Ok(Self(micros))
    }

    /// From milliseconds; the fraction is kept to the nearest microsecond.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    pub fn from_millis(millis: f64) -> Result<Self, Invalid> {
        if !millis.is_finite() || millis < 0.0 {
            return Err(Invalid::new("must be a number of milliseconds, 0 or more"));
        }
        // A float beyond u64 saturates and is refused as too long.
        Self::from_micros((millis * 1_000.0).round() as u64)
    }

    /// In microseconds.
    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// In milliseconds.
    pub fn as_millis(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

/// A JSON object as text, at most 8,192 bytes, without our keys and tokens.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Metadata(Box<str>);

impl Metadata {
    /// Takes the text of a JSON object that the caller has parsed, and written without needless escapes.
    pub fn from_object(json: &str) -> Result<Self, Invalid> {
        if json.len() > 8_192 {
            return Err(Invalid::new("must be at most 8192 bytes of JSON"));
        }
        // Postgres cannot hold NUL in text; refused alike on every store.
        if !json.starts_with('{') || holds_nul(json) {
            return Err(Invalid::new("must be a JSON object without NUL characters"));
        }
        Ok(Self(redact(json).into()))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether JSON text has the escape of NUL in it. A backslash that is itself escaped begins none.
fn holds_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        if escape.starts_with("u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{..}")
    }
}

/// How old or new an event may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgePolicy {
    /// What a client may still report, in days. Services and admins report any age.
    pub client_max_days: u32,
    /// How long raw rows are kept, in days; what is older is refused to everybody. `None`: for ever.
    pub retention_days: Option<u32>,
}

/// How far ahead of the server's clock an event may be, in seconds.
pub const MAX_AHEAD_SECONDS: i64 = 300;

impl AgePolicy {
    /// The instant before which raw rows may be dropped: a day of UTC is, a day after its last instant is
    /// refused to everybody. So what is on its way when it is accepted still finds its day. `None`: never.
    pub fn retained_from(&self, now: Timestamp) -> Option<Timestamp> {
        const DAY: i64 = 86_400;
        let refused = now.plus_seconds(-DAY * i64::from(self.retention_days?));
        let refused_day = refused.minute().floor_to(DAY / 60);
        Some(Timestamp::from(refused_day).plus_seconds(-DAY))
    }

    /// Checks an event's time against the clock.
    pub fn check(&self, at: Timestamp, now: Timestamp, is_client: bool) -> Result<(), Invalid> {
        let days_ago = |days: u32| now.plus_seconds(-86_400 * i64::from(days));
        if at > now.plus_seconds(MAX_AHEAD_SECONDS) {
            return Err(Invalid::new("must not be more than 5 minutes in the future"));
        }
        if self.retention_days.is_some_and(|days| at < days_ago(days)) {
            return Err(Invalid::new("is older than activities are kept (RAW_RETENTION_DAYS)"));
        }
        if is_client && at < days_ago(self.client_max_days) {
            let days = self.client_max_days;
            return Err(Invalid::new(format!("must not be older than {days} days")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_lose_host_query_and_fragment() {
        let path = |target| Endpoint::parse(target).unwrap().as_str().to_owned();
        assert_eq!(path("/a/b?token=s#x"), "/a/b");
        assert_eq!(path("https://api.test/a?b=c://d"), "/a");
        assert_eq!(path("https://api.test"), "/");
        assert_eq!(path("/redirect/http://x/y"), "/redirect/http://x/y");
        assert_eq!(path("?q=1"), "/");
        assert_eq!(path("*"), "*");
        assert_eq!(path(&format!("/{}", "ä".repeat(1_000))).len(), 1_023);
        assert!(Endpoint::parse("").is_err());
        assert!(Endpoint::parse("/a\u{0}b").is_err());
    }

    #[test]
    fn response_times_keep_microseconds() {
        let micros = |ms: f64| ResponseTime::from_millis(ms).map(ResponseTime::as_micros);
        assert_eq!(micros(0.001), Ok(1));
        assert_eq!(micros(12.345_6), Ok(12_346));
        assert_eq!(micros(86_400_000.0), Ok(86_400_000_000));
        for bad in [-0.5, f64::NAN, f64::INFINITY, 86_400_000.1, 1e300] {
            assert!(micros(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn methods_are_upper_case_words() {
        assert_eq!(Method::parse("get").unwrap().as_str(), "GET");
        assert_eq!(Method::parse("PropFind").unwrap().as_str(), "PROPFIND");
        for bad in ["", "G ET", "\u{16}\u{3}", &"x".repeat(21)] {
            assert!(Method::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_is_an_object_without_nul() {
        let takes = |json: &str| Metadata::from_object(json).is_ok();
        assert!(takes(r#"{"a":"\\u0000 is how NUL is written","b":"\u00e9\n"}"#));
        for bad in [r#"{"a":"\u0000"}"#, r#"{"a":"\\\u0000"}"#, "[1]", "7"] {
            assert!(!takes(bad), "{bad}");
        }
        assert!(!takes(&format!("{{\"a\":\"{}\"}}", "x".repeat(8_192))));
    }

    #[test]
    fn keys_and_tokens_do_not_get_in() {
        let key = format!("atk_abcdefghijkm_{}_0123abcd", "5".repeat(64));
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        for secret in [key.as_str(), jwt] {
            let endpoint = Endpoint::parse(&format!("https://x/reset/{secret}/now?k={secret}")).unwrap();
            assert_eq!(endpoint.as_str(), "/reset/[redacted]/now");
            let text = |text: &str| Text::<64>::parse(text).unwrap().as_str().to_owned();
            assert_eq!(text(&format!("bad {secret}")), "bad [redacted]");
            // What would be cut in two is not there to be cut.
            let long = text(&format!("{}{secret}", "x".repeat(40)));
            assert_eq!(long, format!("{}[redacted]", "x".repeat(40)));
            let metadata = Metadata::from_object(&format!("{{\"{secret}\":[\"\\n{secret}\"]}}")).unwrap();
            assert_eq!(metadata.as_str(), "{\"[redacted]\":[\"\\n[redacted]\"]}");
        }
    }

    #[test]
    fn age_is_judged_by_role() {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let policy = AgePolicy { client_max_days: 7, retention_days: Some(30) };
        let check = |seconds, is_client| policy.check(now.plus_seconds(seconds), now, is_client).is_ok();
        assert!(check(300, true) && !check(301, false));
        assert!(check(-7 * 86_400, true) && !check(-7 * 86_400 - 1, true));
        assert!(check(-30 * 86_400, false) && !check(-30 * 86_400 - 1, false));
        assert_eq!(policy.retained_from(now), Some(Timestamp::parse("2025-12-31T00:00:00Z").unwrap()));
        assert_eq!(AgePolicy { retention_days: None, ..policy }.retained_from(now), None);
    }
}
