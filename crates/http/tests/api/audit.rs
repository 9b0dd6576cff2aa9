//! The audit trail, and our own credentials in places where they do not belong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use activity_domain::audit::Sealed;
use activity_domain::error::{Invalid, Unopened};
use activity_domain::port::Vault;
use activity_http::audit::{Audit, Capture, reveal};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Options, event, expect, pointer};

/// Seals nothing: what would be sealed is there to be looked at.
pub struct Glass;

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

fn with_trail() -> Value {
    let mut event = event();
    event["requestHeaders"] = json!({ "accept": "*/*", "X-Api-Key": "c4n4ry" });
    event["requestBody"] = json!("user=ada&password=c4n4ry");
    event["responseBody"] = json!({ "token": "c4n4ry", "text": "x".repeat(300) });
    event
}

#[tokio::test]
async fn a_trail_is_kept_with_its_row_and_without_secrets() {
    let audit = Audit::keeping(Capture::Full, 200, Arc::new(Glass));
    let app = App::with(&Options { audit, ..Options::default() });
    let ada = app.register("ada", None).await;
    let body = json!([with_trail(), event(), with_trail()]);
    expect(app.post("/api/logs", &ada.key, &body).send().await.unwrap(), StatusCode::ACCEPTED).await;
    let rows = app.store.rows().await;
    let trails: Vec<Value> =
        rows.iter().filter_map(|row| reveal(&Glass, row)).map(|t| serde_json::to_value(t).unwrap()).collect();
    assert_eq!((rows.len(), trails.len()), (3, 2));
    for trail in trails {
        assert_eq!(trail["requestHeaders"], json!({ "accept": "*/*", "X-Api-Key": "[redacted]" }));
        assert_eq!(trail["requestBody"], "user=ada&password=[redacted]");
        assert_eq!(trail["responseBody"]["token"], Value::Null, "it is behind the cut");
        assert!(trail["responseBody"]["text"].as_str().unwrap().starts_with("xxx"));
        assert_eq!(trail["truncated"], json!(["responseBody"]));
    }
}

#[tokio::test]
async fn a_trail_is_shown_where_it_is_asked_for() {
    let audit = Audit::keeping(Capture::Headers, 200, Arc::new(Glass));
    let app = App::with(&Options { audit, ..Options::default() });
    let ada = app.register("ada", None).await;
    expect(app.post("/api/logs", &ada.key, &with_trail()).send().await.unwrap(), StatusCode::ACCEPTED).await;
    let shown = async |query: &str, key: &str| {
        expect(app.get(&format!("/api/logs{query}"), key).send().await.unwrap(), StatusCode::OK).await
    };
    let expected = json!({ "requestHeaders": { "accept": "*/*", "X-Api-Key": "[redacted]" } });
    for key in [&ada.key, &app.admin_key] {
        assert_eq!(shown("?audit=true", key).await["data"][0]["audit"], expected);
        assert!(shown("", key).await["data"][0].get("audit").is_none());
    }
}

/// Counts what it is asked to seal.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Vault for Counting {
    fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Glass.seal(plaintext, context)
    }

    fn mark(&self) -> Vec<u8> {
        Glass.mark()
    }

    fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Vec<u8>, Unopened> {
        Glass.open(sealed, context)
    }
}

#[tokio::test]
async fn nothing_is_sealed_for_a_request_that_is_refused() {
    let vault = Arc::new(Counting::default());
    let audit = Audit::keeping(Capture::Full, 200, vault.clone());
    let app = App::with(&Options { audit, ..Options::default() });
    let body = json!({ "name": "ada", "email": "ada@example.org", "rateLimit": 3 });
    let ada = app.post("/api/register", &app.admin_key, &body).send().await.unwrap();
    let ada = expect(ada, StatusCode::CREATED).await;
    let key = ada["apiKey"].as_str().unwrap();
    let send = async |events: Value, status: u16| {
        let answer = app.post("/api/logs", key, &events).send().await.unwrap();
        expect(answer, StatusCode::from_u16(status).unwrap()).await;
        vault.0.load(Ordering::SeqCst)
    };
    let (mut bad, good) = (with_trail(), with_trail());
    bad["statusCode"] = json!(1);
    assert_eq!(send(json!([bad, bad]), 422).await, 0, "none is good");
    assert_eq!(send(json!([good, good, good, good]), 422).await, 0, "more than the whole limit");
    assert_eq!(send(json!([good, bad, good]), 202).await, 2);
    assert_eq!(send(json!([good, good]), 429).await, 2, "more than is left");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_sinks_its_own_event_alone() {
    let audit = Audit::keeping(Capture::Full, 200, Arc::new(Glass));
    let app = App::with(&Options { audit, ..Options::default() });
    let ada = app.register("ada", None).await;
    let with = |rest: &str| format!(r#"{{"endpoint":"/a","method":"GET","statusCode":200{rest}}}"#);
    let unreadable = with(r#","responseBody":"\ud800""#);
    let send = async |body: String| {
        let request = app.request("POST", "/api/logs").header("x-api-key", &ada.key);
        request.header("content-type", "application/json").body(body).send().await.unwrap()
    };
    let readable = with(r#","requestBody":{"a":1}"#);
    let body = format!("[{unreadable},{readable},{{}},{unreadable},{}]", with(""));
    let answer = expect(send(body).await, StatusCode::ACCEPTED).await;
    let rejected = answer["rejected"].as_array().unwrap();
    let indices: Vec<u64> = rejected.iter().map(|one| one["index"].as_u64().unwrap()).collect();
    assert_eq!((&answer["accepted"], indices), (&json!(2), vec![0, 2, 3]));
    assert!(rejected[0]["detail"].as_str().unwrap().starts_with("responseBody: cannot be read"), "{answer}");
    let trails: Vec<bool> = app.store.rows().await.iter().map(|row| reveal(&Glass, row).is_some()).collect();
    assert_eq!(trails.iter().filter(|has_one| **has_one).count(), 1);
    let problem = expect(send(unreadable).await, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(pointer(&problem), "#/responseBody");
}

#[tokio::test]
async fn a_page_of_long_trails_ends_early_in_every_form_that_shows_them() {
    let audit = Audit::keeping(Capture::Full, 16_384, Arc::new(Glass));
    let app = App::with(&Options { audit, ..Options::default() });
    let ada = app.register("ada", None).await;
    let mut long = event();
    long["requestBody"] = json!("x ".repeat(8_000));
    long["responseBody"] = long["requestBody"].clone();
    let events = Value::Array(vec![long; 200]);
    expect(app.post("/api/logs", &ada.key, &events).send().await.unwrap(), StatusCode::ACCEPTED).await;
    let mut query = "?audit=true&limit=1000".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = app.get(&format!("/api/logs{query}"), &ada.key).send().await.unwrap();
        let page = expect(page, StatusCode::OK).await;
        let rows = page["data"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["audit"]["requestBody"] == events[0]["requestBody"]));
        pages.push(rows.len());
        let Some(next) = page["nextCursor"].as_str() else { break };
        query = format!("?audit=true&limit=1000&cursor={next}");
    }
    assert!(pages.len() > 1 && pages.iter().sum::<usize>() == 200, "{pages:?}");
    let as_media = async |media: &str| {
        let request = app.get("/api/logs?audit=true&limit=1000", &ada.key).header("accept", media);
        let answer = request.send().await.unwrap();
        (answer.headers().contains_key("x-next-cursor"), answer.text().await.unwrap().lines().count())
    };
    assert_eq!(as_media("application/x-ndjson").await, (true, pages[0]));
    assert_eq!(as_media("text/csv").await, (false, 201), "it shows none");
}

#[tokio::test]
async fn a_trail_is_dropped_by_default() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    expect(app.post("/api/logs", &ada.key, &with_trail()).send().await.unwrap(), StatusCode::ACCEPTED).await;
    assert!(app.store.rows().await.iter().all(|row| row.audit.is_none()));
}

#[tokio::test]
async fn keys_and_tokens_do_not_get_into_any_field() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for secret in [&ada.key, &ada.token] {
        let mut event = event();
        event["endpoint"] = json!(format!("/keys/{secret}/rotate?key={secret}"));
        event["userAgent"] = json!(format!("curl {secret}"));
        event["errorMessage"] = json!(format!("{}{secret}", "x".repeat(2_000)));
        event["metadata"] = json!({ "note": [secret], secret: 1 });
        expect(app.post("/api/logs", &ada.key, &event).send().await.unwrap(), StatusCode::ACCEPTED).await;
    }
    for row in app.store.rows().await {
        assert_eq!(row.endpoint.as_str(), "/keys/[redacted]/rotate");
        assert_eq!(row.user_agent.unwrap().as_str(), "curl [redacted]");
        assert_eq!(row.error_message.unwrap().as_str(), format!("{}[redacted]", "x".repeat(2_000)));
        assert_eq!(row.metadata.unwrap().as_str(), r#"{"[redacted]":1,"note":["[redacted]"]}"#);
    }
}

#[tokio::test]
async fn names_and_addresses_with_keys_are_refused() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for secret in [&ada.key, &ada.token] {
        for (field, name, email) in [
            ("#/name", secret.as_str(), "bob@example.org".to_owned()),
            ("#/email", "bob", format!("{secret}@example.org")),
        ] {
            let body = json!({ "name": name, "email": email });
            let answer = app.post("/api/register", &app.admin_key, &body).send().await.unwrap();
            let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert_eq!(pointer(&problem), field, "{body}");
            assert!(!problem.to_string().contains(secret.as_str()));
        }
    }
}

#[tokio::test]
async fn answers_do_not_repeat_keys() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let request = app.request("GET", &format!("/nope/{}", ada.key)).header("x-request-id", &ada.key);
    let answer = request.send().await.unwrap();
    assert_ne!(answer.headers()["x-request-id"].to_str().unwrap(), ada.key);
    let problem = expect(answer, StatusCode::NOT_FOUND).await;
    assert_eq!(problem["detail"], "there is no /nope/[redacted]");
    assert!(!problem.to_string().contains(&ada.key));
}
