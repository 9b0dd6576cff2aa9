//! Input that is meant to hurt: a clear 4xx, and nothing is stored by half.

use std::io::Write;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;

use crate::app::{App, Registered, event, expect};

fn logs(app: &App, ada: &Registered) -> RequestBuilder {
    app.request("POST", "/api/logs").header("x-api-key", &ada.key).header("content-type", "application/json")
}

#[tokio::test]
async fn malformed_json_is_400() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut bodies: Vec<Vec<u8>> = vec![
        b"".into(),
        b"{".into(),
        b"[".into(),
        b"[{}".into(),
        b"nope".into(),
        br#"{"endpoint":"/a","method":"GET","statusCode":200}{}"#.into(),
    ];
    bodies.push("[".repeat(10_000).into());
    bodies.push(b"{\"endpoint\": \"\xff\xfe\"}".into());
    bodies.push(b"{\"endpoint\": \"\x00\"}".into());
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = logs(&app, &ada).body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{shown}");
        expect(answer, StatusCode::BAD_REQUEST).await;
    }
    assert!(app.store.rows().await.is_empty());
}

#[tokio::test]
async fn values_that_do_not_fit_are_422() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = [
        "{\"endpoint\":".repeat(10_000),
        r#"{"endpoint":"/a","method":"GET","statusCode":1e400}"#.to_owned(),
        r#"{"endpoint":"/a","method":"GET","statusCode":200,"statusCode":200}"#.to_owned(),
        r#"{"endpoint":"/a","method":"GET","statusCode":200,"responseTime":1e400}"#.to_owned(),
        r#"{"endpoint":"/a","method":"GET","statusCode":99999999999999999999999}"#.to_owned(),
        format!(r#"[{{"endpoint":"/a","method":"GET","statusCode":200,"metadata":{{"a":{deep}}}}}]"#),
    ];
    for body in bodies {
        let shown = body.chars().take(90).collect::<String>();
        let answer = logs(&app, &ada).body(body).send().await.unwrap();
        let status = answer.status();
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY || status == StatusCode::BAD_REQUEST,
            "{status} for {shown}"
        );
        expect(answer, status).await;
    }
    assert!(app.store.rows().await.is_empty());
}

#[tokio::test]
async fn unknown_media_and_encodings_are_415() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let send = |media: &'static str, encoding: &'static str| {
        let request = app.request("POST", "/api/logs").header("x-api-key", &ada.key);
        request.header("content-type", media).header("content-encoding", encoding).body(event().to_string())
    };
    for (media, encoding) in
        [("text/plain", "identity"), ("application/json", "br"), ("application/jsonx", "gzip")]
    {
        expect(send(media, encoding).send().await.unwrap(), StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
    }
    let none = app.request("POST", "/api/logs").header("x-api-key", &ada.key).body(event().to_string());
    expect(none.send().await.unwrap(), StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
    let lines =
        app.request("POST", "/api/register").header("content-type", "application/x-ndjson").body("{}");
    expect(lines.send().await.unwrap(), StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn bombs_and_long_bodies_are_413() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let zeros = vec![b' '; 200 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let bombs = [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(&zeros[..], 1).unwrap())];
    for (encoding, bomb) in bombs {
        assert!(bomb.len() < 10 << 20);
        let answer = logs(&app, &ada).header("content-encoding", encoding).body(bomb).send().await.unwrap();
        expect(answer, StatusCode::PAYLOAD_TOO_LARGE).await;
    }
    for encoding in ["gzip", "zstd"] {
        let answer =
            logs(&app, &ada).header("content-encoding", encoding).body("not packed").send().await.unwrap();
        expect(answer, StatusCode::BAD_REQUEST).await;
    }
    let long = app.request("POST", "/api/register").header("content-type", "application/json");
    expect(long.body(vec![b' '; 65 << 10]).send().await.unwrap(), StatusCode::PAYLOAD_TOO_LARGE).await;
}

#[tokio::test]
async fn queries_are_checked_by_name() {
    let app = App::start();
    let daily = [
        ("days=0", "?days"),
        ("days=1000000000", "?days"),
        ("days=99999999999999999999", "?days"),
        ("days=x", "?days"),
        ("days=7&days=8", "?days"),
        ("from=2026-01-02&to=2026-01-01", "?from"),
        ("from=2026-02-30", "?from"),
        ("from=20260101", "?from"),
        ("from=0000-01-01&to=2026-01-01", "?from"),
        ("to=2026-01-01", "?to"),
        ("days=7&from=2026-01-01", "?days"),
        ("timezone=Mars/Olympus", "?timezone"),
        ("timezone=..%2F..%2Fetc%2Fpasswd", "?timezone"),
        ("clientId=a%20b", "?clientId"),
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("cursor=junk", "?cursor"),
        ("cursor=2026-01-01~-1~x", "?cursor"),
        ("day=7", "?day"),
    ];
    let top = [
        ("hours=0", "?hours"),
        ("hours=100000", "?hours"),
        ("hours=24&from=2026-01-01T00:00:00Z", "?hours"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "?from"),
        ("from=2026-01-01", "?from"),
        ("to=2026-01-01T00:00:00Z", "?to"),
        ("limit=-1", "?limit"),
        ("clientId=x", "?clientId"),
    ];
    let paths = [("/api/usage/daily", &daily[..]), ("/api/usage/top", &top[..])];
    for (path, cases) in paths {
        for (query, at) in cases {
            let answer = app.get(&format!("{path}?{query}"), &app.admin_key).send().await.unwrap();
            let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert_eq!(crate::app::pointer(&problem), *at, "{query}");
        }
    }
}

#[tokio::test]
async fn keys_and_tokens_that_are_none_are_401() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut wrong = ada.key.clone();
    wrong.replace_range(30..31, if &ada.key[30..31] == "0" { "1" } else { "0" });
    for key in [wrong.as_str(), "x", &"k".repeat(300), "atk_", "' OR 1=1 --........."] {
        expect(app.get("/api/usage/daily", key).send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    }
    let headers =
        ["Bearer", "Bearer ", "Bearer x.y.z", "Basic YTpi", "Bearer  a b", &format!("Token {}", ada.token)];
    for header in headers {
        let answer =
            app.request("GET", "/api/usage/daily").header("authorization", header).send().await.unwrap();
        assert!(answer.headers().contains_key("www-authenticate"));
        expect(answer, StatusCode::UNAUTHORIZED).await;
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    let answer = app.request("GET", "/api/usage/daily").header("x-api-key", bytes).send().await.unwrap();
    expect(answer, StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::start();
    expect(app.request("GET", "/nope").send().await.unwrap(), StatusCode::NOT_FOUND).await;
    let answer = app.request("DELETE", "/api/logs").send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET, POST");
    expect(answer, StatusCode::METHOD_NOT_ALLOWED).await;
    let huge = app.request("GET", &format!("/{}", "a".repeat(60_000))).send().await.unwrap();
    assert!(huge.status().is_client_error());
}

#[tokio::test]
async fn request_ids_are_taken_when_they_are_sane() {
    let app = App::start();
    let given = app.request("GET", "/nope").header("x-request-id", "req-1:a_b.c").send().await.unwrap();
    assert_eq!(given.headers()["x-request-id"], "req-1:a_b.c");
    assert_eq!(expect(given, StatusCode::NOT_FOUND).await["requestId"], "req-1:a_b.c");
    for bad in ["a b", "\"><script>", &"x".repeat(129)] {
        let answer = app.request("GET", "/livez").header("x-request-id", bad).send().await.unwrap();
        assert_ne!(answer.headers()["x-request-id"].to_str().unwrap(), bad);
    }
}

#[tokio::test]
async fn an_error_of_one_event_does_not_leak_into_the_next_request() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let half = logs(&app, &ada).body("[{\"endpoint\":\"/a\"").send().await.unwrap();
    expect(half, StatusCode::BAD_REQUEST).await;
    let whole = app.post("/api/logs", &ada.key, &json!([event()])).send().await.unwrap();
    expect(whole, StatusCode::ACCEPTED).await;
    assert_eq!(app.store.rows().await.len(), 1);
}

/// Answers come to rest in callers' logs, so they do not repeat keys and tokens that are misplaced.
#[tokio::test]
async fn answers_do_not_repeat_secrets() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for secret in [&ada.key, &ada.token] {
        let requests = [
            logs(&app, &ada).body(format!(r#"{{"statusCode":"{secret}"}}"#)),
            logs(&app, &ada).body(format!(r#"[{{"{secret}":1}},{{"timestamp":"{secret}"}}]"#)),
            logs(&app, &ada).body(format!(r#"{{"requestHeaders":"{secret}"}}"#)),
            logs(&app, &ada).header("content-encoding", secret).body("{}"),
            app.request("POST", "/api/logs").header("x-api-key", &ada.key).header("content-type", secret),
            app.get(&format!("/api/logs?{secret}=1"), &ada.key),
            app.get(&format!("/api/logs?limit={secret}"), &ada.key),
            app.get(&format!("/api/usage/daily?timezone={secret}&cursor={secret}"), &ada.key),
            app.post("/api/register", &ada.key, &json!({ "name": { secret: 1 }, "email": "x" })),
            app.post("/api/register", &ada.key, &json!({ secret: 1 })),
            app.request("GET", &format!("/nope/{secret}")),
        ];
        for request in requests {
            let answer = request.send().await.unwrap();
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert!(status.is_client_error() && !text.contains(&secret[..24]), "{status} {text}");
        }
    }
}
