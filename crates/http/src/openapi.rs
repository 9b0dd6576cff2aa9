//! The OpenAPI document: what paperclip derives from the handlers, and what its version 2 model cannot
//! say, added in one place.

use paperclip::v2::models::{DefaultApiRaw, Info};
use serde_json::{Value, json};

use crate::problem::PROBLEM_JSON;

mod roles;

/// The document to which operations add themselves.
pub fn base() -> DefaultApiRaw {
    DefaultApiRaw {
        info: Info {
            title: "Activity Tracker API".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            description: Some(
                "Who calls your API, how much, how fast and with what errors. Bodies are JSON in camelCase, \
                 times are RFC 3339 in UTC, errors are problems as in RFC 9457."
                    .into(),
            ),
            ..Info::default()
        },
        ..DefaultApiRaw::default()
    }
}

/// Which problems each operation may answer with, besides 400, 405, 414, 431 and 500 that
/// any may.
const PROBLEMS: &[(&str, &str, &[u16])] = &[
    ("post", "/api/register", &[401, 403, 408, 409, 413, 415, 422, 429, 503]),
    ("post", "/api/token", &[401, 403, 429, 503]),
    ("post", "/api/logs", &[401, 403, 408, 413, 415, 422, 429, 503]),
    ("get", "/api/logs", &[401, 403, 404, 422, 429, 503]),
    ("get", "/api/usage/series", &[401, 403, 404, 422, 429, 503]),
    ("get", "/api/usage/endpoints", &[401, 403, 404, 422, 429, 503]),
    ("get", "/api/usage/daily", &[401, 403, 404, 422, 429, 503]),
    ("get", "/api/usage/top", &[401, 403, 422, 429, 503]),
    ("get", "/api/usage/stream", &[401, 403, 404, 422, 429, 503]),
    ("get", "/api/ws", &[401, 403, 422, 426, 429, 503]),
    ("post", "/api/stream-tickets", &[401, 403, 429, 503]),
    ("get", "/api/rate-limit", &[401, 403, 429, 503]),
    ("get", "/api/clients", &[401, 403, 422, 429, 503]),
    ("get", "/api/clients/{clientId}", &[401, 403, 404, 429, 503]),
    ("patch", "/api/clients/{clientId}", &[401, 403, 404, 408, 409, 413, 415, 422, 429, 503]),
    ("delete", "/api/clients/{clientId}", &[401, 403, 404, 409, 429, 503]),
    ("post", "/api/clients/{clientId}/keys", &[401, 403, 404, 408, 409, 413, 415, 422, 429, 503]),
    ("delete", "/api/clients/{clientId}/keys/{keyId}", &[401, 403, 404, 409, 429, 503]),
    ("get", "/api/clients/{clientId}/rate-limit", &[401, 403, 404, 429, 503]),
    ("delete", "/api/clients/{clientId}/rate-limit", &[401, 403, 404, 429, 503]),
    ("get", "/api/verify", &[401, 403, 422, 429, 503]),
    ("post", "/api/verify", &[401, 403, 422, 429, 503]),
    ("get", "/api/cache/stats", &[401, 403, 429, 503]),
    ("post", "/api/cache/prewarm", &[401, 403, 409, 429, 503]),
    ("get", "/api/audit", &[401, 403, 422, 429, 503]),
    ("get", "/livez", &[]),
    ("get", "/readyz", &[]),
    ("get", "/health-check", &[]),
    ("get", "/metrics", &[401, 429]),
    ("get", "/api-docs", &[]),
    ("get", "/api-docs/openapi.json", &[]),
];

/// Completes the document that was converted to version 3.
pub fn finish(mut spec: Value) -> Value {
    spec["info"]["license"] = json!({ "name": "MIT" });
    spec["servers"] = json!([{ "url": "/" }]);
    spec["components"]["schemas"]["Problem"] = problem_schema();
    spec["components"]["securitySchemes"]["bearer"] =
        json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token." });
    add_docs(&mut spec);
    describe_events(&mut spec);
    describe_log(&mut spec);
    describe_health(&mut spec);
    describe_metrics(&mut spec);
    describe_clients(&mut spec);
    describe_verify(&mut spec);
    describe_streams(&mut spec);
    allow_null(&mut spec, &NULLABLE);
    // Registration may be open, so that no key is needed.
    if let Some(security) = spec["paths"]["/api/register"]["post"]["security"].as_array_mut() {
        security.push(json!({}));
    }
    for (method, path, statuses) in PROBLEMS {
        let responses = &mut spec["paths"][path][method]["responses"];
        for status in statuses.iter().chain(&[400, 405, 414, 431, 500]) {
            responses[status.to_string()] = problem_response(*status);
        }
    }
    roles::describe(&mut spec);
    spec
}

fn problem_response(status: u16) -> Value {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({
        "description": status.canonical_reason().unwrap_or("Error"),
        "content": { PROBLEM_JSON: { "schema": schema } },
    })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "requestId"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "format": "int32" },
            "detail": { "type": "string", "description": "What to do about it." },
            "requestId": { "type": "string", "description": "Also in X-Request-Id." },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "#/name for a field of the body, ?name for a parameter.",
                        },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
    })
}

/// Bodies of an event are any JSON value, which is said by saying nothing.
fn any_json(properties: Option<&mut Value>) {
    let Some(properties) = properties else { return };
    for field in ["requestBody", "responseBody"] {
        if let Some(schema) = properties.get_mut(field).and_then(Value::as_object_mut) {
            schema.remove("type");
        }
    }
}

/// The forms that a body of events can take, and the preferences.
fn describe_events(spec: &mut Value) {
    any_json(spec.pointer_mut("/components/schemas/Event/properties"));
    let event = json!({ "$ref": "#/components/schemas/Event" });
    let many = json!({ "type": "array", "items": event, "maxItems": 10_000 });
    let operation = &mut spec["paths"]["/api/logs"]["post"];
    operation["requestBody"] = json!({
        "required": true,
        "content": {
            "application/json": { "schema": { "oneOf": [event, many] } },
            "application/x-ndjson": { "schema": { "type": "string", "description": "One event per line." } },
        },
    });
    let header = |name: &str, description: &str| {
        json!({ "name": name, "in": "header", "required": false, "description": description,
                "schema": { "type": "string" } })
    };
    operation["parameters"] = json!([
        header(
            "Prefer",
            "wait=N (seconds, at most 10): answer 201 once stored. return=representation: list ids."
        ),
        header("Content-Encoding", "gzip or zstd."),
    ]);
}

/// The other forms of a page of events; and of an audit trail, what paperclip takes from Rust's types and
/// serde leaves out or writes otherwise.
fn describe_log(spec: &mut Value) {
    let audit = "/components/schemas/LogResponse/properties/data/items/properties/audit";
    if let Some(audit) = spec.pointer_mut(audit).and_then(Value::as_object_mut) {
        audit.remove("required");
        any_json(audit.get_mut("properties"));
    }
    let status = "/components/schemas/LogResponse/properties/data/items/properties/statusCode";
    if let Some(status) = spec.pointer_mut(status) {
        status["nullable"] = json!(true);
    }
    let ok = &mut spec["paths"]["/api/logs"]["get"]["responses"]["200"];
    for (media, description) in
        [("application/x-ndjson", "One event per line."), ("text/csv", "A table with a line of names.")]
    {
        ok["content"][media] = json!({ "schema": { "type": "string", "description": description } });
    }
    let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    ok["headers"] = json!({
        "X-Next-Cursor": header("`nextCursor`, where there may be more."),
        "Link": header("The next page, rel=next, where there may be more."),
    });
}

/// What is null where nothing was recorded.
const NULLABLE: [&str; 6] = ["avgResponseTime", "p50", "p95", "p99", "lastAccess", "group"];

/// What is null where there is none, in answers about clients and keys. In requests a field of the same
/// name may be left out.
const NULLABLE_OF_CLIENTS: [&str; 5] = ["email", "expiresAt", "lastUsedAt", "lastAccessAt", "nextCursor"];

/// What is null in entries of the audit log where there is none.
const NULLABLE_OF_ACTS: [&str; 5] = ["requestId", "target", "before", "after", "nextCursor"];

fn allow_null(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if names.contains(&name.as_str()) && field.get("type").is_some() {
                    field["nullable"] = json!(true);
                }
                allow_null(field, names);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| allow_null(item, names)),
        _ => {}
    }
}

/// What a gateway reads is in the headers.
fn describe_verify(spec: &mut Value) {
    let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let passed = json!({
        "X-Client-Id": header("Who calls."),
        "X-Activity-Id": header("The id of the call: the event may be posted under it, or is recorded (`record`)."),
    });
    for method in ["get", "post"] {
        let operation = &mut spec["paths"]["/api/verify"][method];
        operation["responses"]["200"]["headers"] = passed.clone();
        if method == "post" {
            operation["operationId"] = json!("verifyByPost");
        }
    }
}

/// Null in answers about clients and keys, and a body that may be left out.
fn describe_clients(spec: &mut Value) {
    for schema in ["ClientResponse", "ClientListResponse", "KeyResponse"] {
        allow_null(&mut spec["components"]["schemas"][schema], &NULLABLE_OF_CLIENTS);
    }
    spec["paths"]["/api/clients/{clientId}/keys"]["post"]["requestBody"]["required"] = json!(false);
    allow_null(&mut spec["components"]["schemas"]["ActListResponse"], &NULLABLE_OF_ACTS);
}

/// Answers that go on, and how they are opened without headers.
fn describe_streams(spec: &mut Value) {
    let ticket = json!({ "type": "apiKey", "in": "query", "name": "ticket",
        "description": "A ticket of POST /api/stream-tickets, for one use." });
    spec["components"]["securitySchemes"]["ticket"] = ticket;
    let stream = json!({ "type": "string", "description": "Server-Sent Events." });
    let content = json!({ "text/event-stream": { "schema": stream } });
    let answers = [
        ("/api/usage/stream", "200", json!({ "description": "The stream.", "content": content })),
        ("/api/ws", "101", json!({ "description": "Messages of JSON from here on, both ways." })),
    ];
    for (path, status, answer) in answers {
        let operation = &mut spec["paths"][path]["get"];
        operation["responses"] = json!({ status: answer });
        if let Some(security) = operation["security"].as_array_mut() {
            security.push(json!({ "ticket": [] }));
        }
    }
    let parameters = &mut spec["paths"]["/api/usage/stream"]["get"]["parameters"];
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The id of the last event that was read, to go on behind it.",
        }));
    }
}

/// An unready server says why in the same form as a ready one.
fn describe_health(spec: &mut Value) {
    for path in ["/readyz", "/health-check"] {
        let responses = &mut spec["paths"][path]["get"]["responses"];
        let mut unready = responses["200"].clone();
        unready["description"] = json!("Not ready");
        responses["503"] = unready;
    }
}

/// Numbers in one of two formats, which may be for the holder of a token of their own.
fn describe_metrics(spec: &mut Value) {
    spec["components"]["securitySchemes"]["metricsToken"] =
        json!({ "type": "http", "scheme": "bearer", "description": "METRICS_TOKEN." });
    let text = json!({ "schema": { "type": "string" } });
    let content = json!({ "application/openmetrics-text": text, "text/plain": text });
    let operation = &mut spec["paths"]["/metrics"]["get"];
    operation["security"] = json!([{}, { "metricsToken": [] }]);
    operation["responses"] = json!({ "200": { "description": "The numbers.", "content": content } });
}

/// The routes of this document itself, which paperclip mounts after it has been made.
fn add_docs(spec: &mut Value) {
    let page = |id: &str, summary: &str, status: &str, media: &str| {
        let content = json!({ media: { "schema": { "type": "string" } } });
        let responses = json!({ status: { "description": summary, "content": content } });
        json!({ "get": { "operationId": id, "summary": summary, "tags": ["Documentation"], "responses": responses } })
    };
    spec["paths"]["/api-docs"] = page("apiDocs", "Swagger UI", "308", "text/html");
    // It only says where: at /api-docs/.
    spec["paths"]["/api-docs"]["get"]["responses"]["308"] = json!({ "description": "Swagger UI" });
    spec["paths"]["/api-docs/openapi.json"] = page("openapi", "This document", "200", "application/json");
    spec["paths"]["/api-docs/openapi.json"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] =
        json!({ "type": "object" });
}
