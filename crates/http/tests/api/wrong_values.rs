//! Every field of an event with values that it cannot hold: each is refused by name, alone and among others.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Registered, expect, pointer};

/// What no text field takes.
const NO_TEXT: &[&str] = &["1", "1.5", "true", "[]", "{}", r#"["/a"]"#, r#""a\u0000b""#];
const NO_SIZE: &[&str] =
    &["-1", "1.5", "1.0", "\"1\"", "true", "[]", "{}", "9223372036854775808", "18446744073709551616"];
const NO_OBJECT: &[&str] = &["[]", "[{}]", "\"{}\"", "1", "true"];

/// Field, and JSON texts that it refuses. Fields that take any JSON have none.
const TABLE: &[(&str, &[&[&str]])] = &[
    ("endpoint", &[NO_TEXT, &["null", "\"\"", r#""/a\nb""#]]),
    ("method", &[NO_TEXT, &["null", "\"\"", "\"G ET\"", "\"GÄT\"", "\"GETGETGETGETGETGETGET\""]]),
    (
        "statusCode",
        &[&[
            "null",
            "\"200\"",
            "200.0",
            "200.5",
            "2e2",
            "true",
            "[]",
            "{}",
            "[200]",
            "0",
            "-200",
            "99",
            "600",
            "9e99",
            "9223372036854775808",
            "99999999999999999999999",
        ]],
    ),
    ("responseTime", &[&["\"12\"", "true", "[]", "{}", "-1", "-0.001", "86400000.1", "1e308"]]),
    (
        "timestamp",
        &[
            NO_TEXT,
            &[
                "\"\"",
                "\"yesterday\"",
                "\"2026-01-31\"",
                "\"2026-13-01T00:00:00Z\"",
                "\"2026-01-31T25:00:00Z\"",
                "\"2026-01-31T12:00:00\"",
                "\"1969-12-31T23:59:59Z\"",
                "\"9999-12-31T23:59:59Z\"",
                "\"2015-05-17T10:05:00Z\"",
            ],
        ],
    ),
    (
        "id",
        &[NO_TEXT, &["\"\"", "\"x\"", "\"00000000-0000-4000-8000-000000000000\"", "\"0189000000007000\""]],
    ),
    (
        "ipAddress",
        &[NO_TEXT, &["\"\"", "\"300.1.1.1\"", "\"1.2.3\"", "\"1.2.3.4:80\"", "\"::g\"", "\"host\""]],
    ),
    ("userAgent", &[NO_TEXT]),
    ("requestBytes", &[NO_SIZE]),
    ("responseBytes", &[NO_SIZE]),
    ("errorMessage", &[NO_TEXT]),
    (
        "metadata",
        &[NO_OBJECT, &[r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, r#"{"a":1e400}"#, r#"{"a":"\ud800"}"#]],
    ),
    ("requestHeaders", &[NO_OBJECT]),
    ("requestBody", &[]),
    ("responseBody", &[]),
    ("clientId", &[NO_TEXT, &["\"\"", "\"CL-other\"", "\"a b\""]]),
];

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let values = |lists: &'static [&[&str]]| lists.iter().flat_map(|list| list.iter().copied());
    TABLE.iter().flat_map(move |(field, lists)| values(lists).map(move |value| (*field, value)))
}

/// An event that is right but for this field.
fn event(field: &str, value: &str) -> String {
    let right = [("endpoint", "\"/a\""), ("method", "\"GET\""), ("statusCode", "200")];
    let others = right.iter().filter(|(name, _)| *name != field);
    let fields = others.map(|(name, value)| format!("\"{name}\":{value}"));
    let fields: Vec<String> = fields.chain([format!("\"{field}\":{value}")]).collect();
    format!("{{{}}}", fields.join(","))
}

async fn send(app: &App, ada: &Registered, body: String) -> reqwest::Response {
    let request = app.request("POST", "/api/logs").header("x-api-key", &ada.key);
    request.header("content-type", "application/json").body(body).send().await.unwrap()
}

#[test]
fn the_table_has_every_field() {
    let document = activity_http::app::document();
    let fields = document["components"]["schemas"]["Event"]["properties"].as_object().unwrap();
    for field in fields.keys() {
        assert!(TABLE.iter().any(|(name, _)| name == field), "{field} has no row");
    }
    assert_eq!(fields.len(), TABLE.len());
}

#[tokio::test]
async fn a_wrong_value_is_refused_by_name() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for (field, value) in cases() {
        let answer = send(&app, &ada, event(field, value)).await;
        let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), format!("#/{field}"), "{field}: {value}");
    }
    assert!(app.store.rows().await.is_empty());
}

#[tokio::test]
async fn wrong_values_among_others_cost_their_own_event_only() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut items: Vec<String> = cases().map(|(field, value)| event(field, value)).collect();
    items.insert(7, event("endpoint", "\"/good\""));
    let answer = send(&app, &ada, format!("[{}]", items.join(","))).await;
    let answer = expect(answer, StatusCode::ACCEPTED).await;
    assert_eq!(answer["accepted"], 1);
    let rejected = answer["rejected"].as_array().unwrap();
    assert_eq!(rejected.len() + 1, items.len());
    let indexes = (0..items.len()).filter(|index| *index != 7);
    for ((rejected, index), (field, value)) in rejected.iter().zip(indexes).zip(cases()) {
        assert_eq!(rejected["index"], index);
        let detail = rejected["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{field}: ")), "{field} {value}: {detail}");
    }
    assert_eq!(app.store.rows().await.len(), 1);
}

#[tokio::test]
async fn null_is_as_good_as_absent_where_a_field_is_optional() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let required = ["endpoint", "method", "statusCode"];
    let mut body = json!({ "endpoint": "/a", "method": "GET", "statusCode": 200 });
    for (field, _) in TABLE.iter().filter(|(field, _)| !required.contains(field)) {
        body[field] = Value::Null;
    }
    expect(send(&app, &ada, body.to_string()).await, StatusCode::ACCEPTED).await;
    for (field, value) in
        [("requestBody", "[1,\"x\",{}]"), ("responseBody", "\"\\ud800\""), ("requestHeaders", "{}")]
    {
        expect(send(&app, &ada, event(field, value)).await, StatusCode::ACCEPTED).await;
    }
    assert_eq!(app.store.rows().await.len(), 4);
}

#[tokio::test]
async fn names_of_fields_are_checked_and_shown() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for (field, at) in [
        ("endpont", "#/endpont"),
        ("StatusCode", "#/StatusCode"),
        ("status_code", "#/status_code"),
        ("a.b", "#/a.b"),
        ("a/b~c", "#/a~1b~0c"),
    ] {
        let problem =
            expect(send(&app, &ada, event(field, "1")).await, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(
            problem["errors"][0],
            json!({ "pointer": at, "detail": "is not a known field" }),
            "{field}"
        );
    }
    for (field, value) in [("endpoint", "\"/b\""), ("userAgent", "null")] {
        let twice = format!("{},\"{field}\":{value}}}", event(field, value).trim_end_matches('}'));
        let problem = expect(send(&app, &ada, twice).await, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(pointer(&problem), format!("#/{field}"));
        assert_eq!(problem["errors"][0]["detail"], "is given twice");
    }
    assert!(app.store.rows().await.is_empty());
}

#[tokio::test]
async fn a_registration_names_its_field_too() {
    let app = App::start();
    let cases: [(&str, &[Value]); 4] = [
        ("name", &[json!(null), json!(1), json!(""), json!([]), json!("a\0b"), json!("x".repeat(1_000))]),
        ("email", &[json!(null), json!(1), json!(""), json!("ada"), json!({}), json!("a\0@example.org")]),
        ("rateLimit", &[json!("10"), json!(-1), json!(1.5), json!(true), json!([])]),
        ("role", &[json!("root"), json!(1), json!("")]),
    ];
    for (field, values) in cases {
        for value in values {
            let mut body = json!({ "name": "ada", "email": "ada@example.org" });
            body[field] = value.clone();
            let answer = app.post("/api/register", &app.admin_key, &body).send().await.unwrap();
            let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert_eq!(pointer(&problem), format!("#/{field}"), "{value}");
        }
    }
}
