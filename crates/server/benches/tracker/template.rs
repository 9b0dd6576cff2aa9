//! Requests as bytes, with the places where the time goes.

use serde_json::{Value, json};

use activity_domain::activity::Text;

use crate::rows::Row;

/// The time in a template before it is stamped; every stamp is as long.
const BLANK: &str = "0000-00-00T00:00:00.000Z";

/// A request that is sent again and again.
#[derive(Debug, Clone)]
pub struct Template {
    /// All of it, head and body.
    pub bytes: Vec<u8>,
    /// Where its events' times are.
    stamps: Vec<usize>,
    /// The answer if it is taken.
    pub taken: u16,
}

impl Template {
    /// A request of a client with this key: one event as an object, or several as an array.
    pub fn logs(key: &str, rows: &[Row], extra_header: &str) -> Self {
        Self::of(key, rows.iter().map(event).collect(), extra_header)
    }

    /// A request with events of clients with these ids, by one who may record for any.
    pub fn logs_of(key: &str, rows: &[(&str, Row)]) -> Self {
        let of_client = |(client, row): &(&str, Row)| {
            let mut event = event(row);
            event["clientId"] = Value::from(*client);
            event
        };
        Self::of(key, rows.iter().map(of_client).collect(), "")
    }

    fn of(key: &str, mut events: Vec<Value>, extra_header: &str) -> Self {
        let body = match events.len() {
            1 => events.remove(0),
            _ => Value::Array(events),
        };
        let bytes = post("/api/logs", key, extra_header, &body.to_string());
        let blank = BLANK.as_bytes();
        let stamps = bytes.windows(blank.len()).enumerate().filter(|(_, window)| *window == blank);
        let stamps = stamps.map(|(at, _)| at).collect();
        Self { bytes, stamps, taken: 202 }
    }

    /// A gateway's question about a caller with this key.
    pub fn verify(key: &str) -> Self {
        let bytes = format!(
            "GET /api/verify HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\n\
             x-original-uri: /v1/things/7?x=1\r\nx-original-method: GET\r\n\r\n"
        );
        Self { bytes: bytes.into_bytes(), stamps: Vec::new(), taken: 200 }
    }

    /// How many events it has.
    pub fn events(&self) -> u64 {
        self.stamps.len() as u64
    }

    /// Gives all of its events this time, which has the form of RFC 3339 with milliseconds.
    pub fn stamp(&mut self, time: &[u8; BLANK.len()]) {
        for at in &self.stamps {
            self.bytes[*at..*at + time.len()].copy_from_slice(time);
        }
    }
}

/// The present time as a template takes it.
pub fn stamp(now: std::time::SystemTime) -> [u8; BLANK.len()] {
    let mut stamp = [b'0'; BLANK.len()];
    let text = jiff::Timestamp::try_from(now).map(|now| format!("{now:.3}")).unwrap_or_default();
    if text.len() == stamp.len() {
        stamp.copy_from_slice(text.as_bytes());
    }
    stamp
}

/// A request with a body of JSON.
pub fn post(path: &str, key: &str, extra_header: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\n{extra_header}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A request without a body.
pub fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\n\r\n").into_bytes()
}

/// An event of about 250 bytes.
fn event(row: &Row) -> Value {
    let a = &row.activity;
    json!({
        "endpoint": a.endpoint.as_str(),
        "method": a.method.as_str(),
        "statusCode": a.status.code(),
        "responseTime": a.response_time.map(|took| took.as_micros() as f64 / 1_000.0),
        "timestamp": BLANK,
        "userAgent": a.user_agent.as_ref().map(Text::as_str),
        "ipAddress": a.ip,
    })
}
