//! Calls of the original as activities.

use std::collections::BTreeMap;

use activity_adapter_postgres::original::CallRow;
use activity_domain::activity::{Activity, Endpoint, Method, Status, Text};
use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use bytes::Bytes;

use super::{fields, ids};

/// How often a field was left out because it did not fit, by its column.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<&'static str, u64>);

impl LeftOut {
    /// A field that may be missing.
    fn optional<T>(
        &mut self,
        column: &'static str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.is_empty())?;
        let value = parse(text).ok();
        if value.is_none() {
            *self.0.entry(column).or_default() += 1;
        }
        value
    }

    /// By column: name and number.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(column, count)| (*column, *count))
    }
}

/// A call as an activity of this client. What a call cannot be counted without rejects it; the rest is left out where
/// it does not fit.
pub fn activity(row: &CallRow, client: ClientId, left_out: &mut LeftOut) -> Result<Activity, Invalid> {
    Ok(Activity {
        client,
        id: ids::activity(&row.id),
        at: required("timestamp", row.timestamp.as_ref(), fields::time)?,
        endpoint: required("endpoint", row.endpoint.as_ref(), Endpoint::parse)?,
        method: required("method", row.method.as_ref(), |text| Method::parse(text.trim()))?,
        status: required("status_code", row.status_code.as_ref(), status)?,
        response_time: left_out.optional("response_time", row.response_time.as_ref(), fields::response_time),
        ip: left_out.optional("ip_address", row.ip_address.as_ref(), fields::ip),
        user_agent: left_out.optional("user_agent", row.user_agent.as_ref(), Text::parse),
        request_bytes: None,
        response_bytes: None,
        error_message: left_out.optional("error_message", row.error_message.as_ref(), Text::parse),
        metadata: left_out.optional("metadata", row.metadata.as_ref(), fields::metadata),
        audit: None,
    })
}

/// The row in a line, for the rejects file.
pub fn line(row: &CallRow) -> Bytes {
    let parts = [&row.client_id, &row.timestamp, &row.method, &row.endpoint, &row.status_code];
    let parts: Vec<&str> = parts.map(|part| part.as_deref().unwrap_or("NULL")).to_vec();
    // What would break the line is escaped, as in Rust.
    parts.join(" ").escape_debug().to_string().into()
}

fn required<T>(
    column: &str,
    text: Option<&String>,
    parse: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<T, Invalid> {
    let text = text.ok_or_else(|| Invalid::new(format!("has no {column}")))?;
    parse(text).map_err(|reason| Invalid::new(format!("has a {column} that does not fit: it {reason}")))
}

fn status(text: &str) -> Result<Status, Invalid> {
    Status::parse(text.trim().parse().unwrap_or(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> CallRow {
        let some = |text: &str| Some(text.to_owned());
        CallRow {
            id: "7".into(),
            client_id: some("c"),
            endpoint: some("/orders/7?token=x"),
            method: some("get"),
            status_code: some("404"),
            response_time: some("12.5"),
            ip_address: some("192.0.2.7/32"),
            user_agent: some("curl"),
            error_message: some("no such order"),
            metadata: some("{\"a\": 1}"),
            timestamp: some("2025-03-30 01:30:00"),
        }
    }

    fn parsed(row: &CallRow) -> (Result<Activity, Invalid>, Vec<(&'static str, u64)>) {
        let mut left_out = LeftOut::default();
        let activity = activity(row, ids::client("c"), &mut left_out);
        (activity, left_out.counts().collect())
    }

    #[test]
    fn a_row_is_an_activity() {
        let (activity, left_out) = parsed(&row());
        let activity = activity.unwrap();
        assert_eq!((activity.endpoint.as_str(), activity.method.as_str()), ("/orders/7", "GET"));
        assert_eq!((activity.status.stored(), activity.at.to_string()), (404, "2025-03-30T01:30:00Z".into()));
        assert_eq!(activity.response_time.unwrap().as_micros(), 12_500);
        assert!(activity.ip.is_some() && activity.user_agent.is_some() && activity.error_message.is_some());
        assert_eq!((activity.metadata.unwrap().as_str(), left_out), ("{\"a\":1}", vec![]));
    }

    #[test]
    fn what_cannot_be_counted_is_rejected_by_the_name_of_its_column() {
        type Change = fn(&mut CallRow);
        let changes: [(&str, Change); 6] = [
            ("timestamp", |row| row.timestamp = None),
            ("timestamp", |row| row.timestamp = Some("infinity".into())),
            ("method", |row| row.method = None),
            ("endpoint", |row| row.endpoint = Some(String::new())),
            ("status_code", |row| row.status_code = Some("600".into())),
            ("status_code", |row| row.status_code = Some("ok".into())),
        ];
        for (column, change) in changes {
            let mut row = row();
            change(&mut row);
            let reason = parsed(&row).0.unwrap_err().0;
            assert!(reason.contains(column), "{reason}");
        }
    }

    #[test]
    fn what_is_only_beside_it_is_left_out_and_counted() {
        let mut row = row();
        row.ip_address = Some("unknown".into());
        row.response_time = Some("-1".into());
        row.user_agent = Some(String::new());
        let (activity, left_out) = parsed(&row);
        assert!(activity.unwrap().response_time.is_none());
        assert_eq!(left_out, [("ip_address", 1), ("response_time", 1)]);
    }

    #[test]
    fn a_line_stays_a_line() {
        let mut row = row();
        row.endpoint = Some("/a\n\tb".into());
        row.method = None;
        assert_eq!(line(&row), "c 2025-03-30 01:30:00 NULL /a\\n\\tb 404");
    }
}
