//! What one line of an access log says.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use activity_domain::activity::{Activity, Endpoint, Method, ResponseTime, Status, Text};
use activity_domain::error::Invalid;
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::time::Timestamp;

/// One request as the server logged it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The caller as the server wrote it: an address, or a name where it looks names up.
    pub host: String,
    /// The caller's address, where `host` is one (a port after it is dropped, an IPv4 address
    /// written as IPv6 becomes IPv4).
    pub ip: Option<IpAddr>,
    /// The authenticated user.
    pub user: Option<String>,
    /// When: to the second in the common formats, to the microsecond where JSON says so.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: Method,
    /// The path; escapes such as `\x22` stay as they are in the log.
    pub endpoint: Endpoint,
    /// The HTTP status.
    pub status: Status,
    /// Size of the answer's body in bytes; some servers count its header too.
    pub response_bytes: Option<u64>,
    /// The User-Agent; what is not UTF-8 (or NUL) shows as U+FFFD.
    pub user_agent: Option<Text<512>>,
    /// How long the answer took.
    pub response_time: Option<ResponseTime>,
}

impl Entry {
    /// The activity that this entry is, once it is known whose.
    pub fn into_activity(self, client: ClientId, id: ActivityId) -> Activity {
        Activity {
            client,
            id,
            at: self.at,
            endpoint: self.endpoint,
            method: self.method,
            status: self.status,
            response_time: self.response_time,
            ip: self.ip,
            user_agent: self.user_agent,
            request_bytes: None,
            response_bytes: self.response_bytes,
            error_message: None,
            metadata: None,
            audit: None,
        }
    }
}

/// A field's value, unless it is one of the ways to write "none".
pub(crate) fn present(text: &[u8]) -> Option<&[u8]> {
    (!matches!(text, b"" | b"-" | b"\"\"")).then_some(text)
}

pub(crate) fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}

pub(crate) fn address(host: &str) -> Option<IpAddr> {
    let with_port = || host.parse().map(|socket: SocketAddr| socket.ip());
    host.parse().or_else(|_| with_port()).ok().map(|ip: IpAddr| ip.to_canonical())
}

pub(crate) fn user_agent(text: &str) -> Option<Text<512>> {
    // Only NUL is refused, and a caller must not escape being counted by sending one.
    Text::parse(text).or_else(|_| Text::parse(&text.replace('\0', "\u{fffd}"))).ok()
}

/// A duration as text: with a decimal point in seconds, without one in microseconds.
pub(crate) fn response_time(text: &[u8]) -> Result<ResponseTime, Invalid> {
    let wrong =
        || Invalid::new("has a wrong duration: it must be like 0.123 (seconds) or 123000 (microseconds)");
    let parsed = match digits(text) {
        Some(micros) => ResponseTime::from_micros(micros),
        None if text.iter().all(|b| b.is_ascii_digit() || *b == b'.') => {
            let seconds: f64 = lossy(text).parse().map_err(|_| wrong())?;
            ResponseTime::from_millis(seconds * 1_000.0)
        }
        None => return Err(wrong()),
    };
    parsed.map_err(|reason| wrong_value("duration", &reason))
}

pub(crate) fn status(code: Option<i64>) -> Result<Status, Invalid> {
    Status::parse(code.unwrap_or_default()).map_err(|reason| wrong_value("status", &reason))
}

/// A whole number, written in digits alone.
pub(crate) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The reason why a line is rejected for a value that the domain refuses.
pub(crate) fn wrong_value(field: &str, reason: &Invalid) -> Invalid {
    Invalid::new(format!("has a wrong {field}: it {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_with_a_point_and_microseconds_without() {
        let micros = |text: &str| response_time(text.as_bytes()).map(ResponseTime::as_micros);
        assert_eq!(micros("0.123"), Ok(123_000));
        assert_eq!(micros("1.000"), Ok(1_000_000));
        assert_eq!(micros("0.0000015"), Ok(2));
        assert_eq!(micros("123"), Ok(123));
        for bad in ["", ".", "-0.1", "1e3", "1.2.3", "inf", "86400.1", "99999999999999999999"] {
            assert!(micros(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_lose_ports_and_mapping() {
        let ip = |host: &str| address(host).map(|ip| ip.to_string());
        assert_eq!(ip("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(ip("192.0.2.7:4711").as_deref(), Some("192.0.2.7"));
        assert_eq!(ip("[2001:db8::1]:80").as_deref(), Some("2001:db8::1"));
        assert_eq!(ip("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(ip("crawler.example"), None);
    }

    #[test]
    fn a_user_agent_with_nul_is_kept() {
        assert_eq!(user_agent("a\0b").unwrap().as_str(), "a\u{fffd}b");
    }
}
