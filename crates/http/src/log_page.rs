//! A page of events as JSON, NDJSON or CSV.

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::Uri;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, LINK};
use actix_web::{HttpRequest, HttpResponse, Responder};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, Either, Response};
use paperclip::v2::schema::Apiv2Schema;

use crate::dto::{LogEntry, LogResponse};
use crate::problem::Problem;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object.
    Json,
    /// A JSON object a line.
    Ndjson,
    /// A table with a line of names.
    Csv,
}

impl Form {
    /// The first form in `Accept` that there is; JSON if there is none.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        let mut media = values.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        let form = media.find_map(|media| match media.trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-ndjson" => Some(Self::Ndjson),
            "text/csv" => Some(Self::Csv),
            _ => None,
        });
        form.unwrap_or(Self::Json)
    }

    fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// The answer. The next page's cursor is in `X-Next-Cursor` and `Link` too, because NDJSON and CSV have no
/// place for it.
pub struct LogAnswer {
    form: Form,
    body: Vec<u8>,
    next: Option<(String, String)>,
}

impl LogAnswer {
    /// Writes a page. `uri` is the request's, from which the next page's is made.
    pub fn new(form: Form, entries: Vec<LogEntry>, next: Option<String>, uri: &Uri) -> Result<Self, Problem> {
        let link = next.as_ref().map(|cursor| (cursor.clone(), next_link(uri, cursor)));
        let body = match form {
            Form::Json => serde_json::to_vec(&LogResponse { next_cursor: next, data: entries }).ok(),
            Form::Ndjson => ndjson(&entries),
            Form::Csv => csv(&entries),
        };
        // Everything in an entry can be written in every form.
        let body =
            body.ok_or_else(|| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "events cannot be shown"))?;
        Ok(Self { form, body, next: link })
    }
}

fn ndjson(entries: &[LogEntry]) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry).ok()?;
        lines.push(b'\n');
    }
    Some(lines)
}

const COLUMNS: [&str; 13] = [
    "timestamp",
    "clientId",
    "id",
    "endpoint",
    "method",
    "statusCode",
    "responseTime",
    "ipAddress",
    "userAgent",
    "requestBytes",
    "responseBytes",
    "errorMessage",
    "metadata",
];

fn csv(entries: &[LogEntry]) -> Option<Vec<u8>> {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    table.write_record(COLUMNS).ok()?;
    for entry in entries {
        let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        let text = |value: &Option<String>| value.as_deref().map(cell).unwrap_or_default();
        let record = [
            entry.timestamp.clone(),
            cell(&entry.client_id),
            entry.id.clone(),
            cell(&entry.endpoint),
            cell(&entry.method),
            entry.status_code.map_or_else(String::new, |code| code.to_string()),
            entry.response_time.map(|took| took.to_string()).unwrap_or_default(),
            text(&entry.ip_address),
            text(&entry.user_agent),
            number(entry.request_bytes),
            number(entry.response_bytes),
            text(&entry.error_message),
            entry.metadata.as_ref().map(|metadata| cell(metadata.get())).unwrap_or_default(),
        ];
        table.write_record(&record).ok()?;
    }
    table.into_inner().ok()
}

/// A text that no spreadsheet takes for a formula: senders choose it, and whoever opens the file is not them.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

/// The same question with another cursor.
fn next_link(uri: &Uri, cursor: &str) -> String {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.filter(|(name, _)| name != "cursor"));
    query.append_pair("cursor", cursor);
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())
}

impl Responder for LogAnswer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, self.form.media()));
        if self.form == Form::Csv {
            response.insert_header((CONTENT_DISPOSITION, "attachment; filename=\"activity.csv\""));
        }
        if let Some((cursor, link)) = self.next {
            response.insert_header((LINK, link)).insert_header(("x-next-cursor", cursor));
        }
        response.body(self.body)
    }
}

impl Apiv2Schema for LogAnswer {}

/// [`crate::openapi`] adds the other forms.
impl OperationModifier for LogAnswer {
    fn update_response(operation: &mut DefaultOperationRaw) {
        let mut schema = LogResponse::schema_with_ref();
        schema.retain_ref();
        let description = Some("OK".to_owned());
        let response = Response { description, schema: Some(schema), ..Response::default() };
        operation.responses.insert("200".into(), Either::Right(response));
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        paperclip::actix::web::Json::<LogResponse>::update_definitions(map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_known_form_is_taken() {
        let wanted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, actix_web::http::header::HeaderValue::from_static(accept));
            Form::wanted(&headers)
        };
        assert_eq!(wanted("text/csv"), Form::Csv);
        assert_eq!(wanted("text/html, Application/X-NDJSON;q=0.9, text/csv"), Form::Ndjson);
        assert_eq!((wanted("*/*"), wanted("image/png"), wanted("")), (Form::Json, Form::Json, Form::Json));
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Json);
    }

    #[test]
    fn the_next_page_asks_the_same() {
        let uri: Uri = "/api/logs?endpoint=%2Fa%26b&cursor=old&limit=2".parse().unwrap();
        let expected = "</api/logs?endpoint=%2Fa%26b&limit=2&cursor=1~2~CL-1>; rel=\"next\"";
        assert_eq!(next_link(&uri, "1~2~CL-1").replace("%7E", "~"), expected);
    }

    proptest! {
        /// Whatever text comes in, no cell begins like a formula, and the text is still there.
        #[test]
        fn no_cell_is_a_formula(text in "[=+@\t\r\n'\",a-z-]{0,8}") {
            let mut table = csv::Writer::from_writer(Vec::new());
            table.write_record([cell(&text), "x".to_owned()]).unwrap();
            let bytes = table.into_inner().unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
            let record = reader.records().next().unwrap().unwrap();
            let found = record.get(0).unwrap();
            prop_assert!(!found.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            let quoted = format!("'{text}");
            prop_assert!(found == text || found == quoted);
        }
    }
}
