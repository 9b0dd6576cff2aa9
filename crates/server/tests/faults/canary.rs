//! Secrets stay where they belong.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Account, Collector, Database, Event, Node, Random};

const METRICS_TOKEN: &str = "m3tr1cs-m3tr1cs-m3tr1cs-m3tr1cs-m3tr1cs";
const CANARY: &str = "c4n4ry-c4n4ry-c4n4ry";
/// No secret by its name or looks, and yet nobody's business: it is in the trail and nowhere in clear.
const PRIVATE: &str = "pr1v4te-pr1v4te-pr1v4te";

#[tokio::test(flavor = "multi_thread")]
async fn generated_secrets_are_in_their_folder_only() {
    let collector = Collector::start().await;
    let settings = [
        ("LOG_LEVEL", "debug"),
        ("LOG_BATCH_INTERVAL_MS", "20"),
        ("AUDIT_CAPTURE", "full"),
        ("METRICS_TOKEN", METRICS_TOKEN),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
    ];
    let mut node = Node::started(&settings).await;
    let mut secrets = use_secrets(&node).await;
    secrets.push(METRICS_TOKEN.to_owned());
    secrets.push(fs::read_to_string(node.path("data/secrets/encryption_key")).unwrap().trim().to_owned());
    secrets.push(node.admin_key());
    secrets.push(fs::read_to_string(node.path("data/secrets/jwt_secret")).unwrap().trim().to_owned());
    let kept = holders(&node.path("data/secrets"), &secrets);
    assert_eq!(kept.len(), 3, "the search finds what is there: {kept:?}");
    let numbers = node.http.get(node.at("/metrics")).bearer_auth(METRICS_TOKEN).send().await.unwrap();
    let numbers = numbers.text().await.unwrap();
    assert!(numbers.contains("route=\"/api/clients/{clientId}/rate-limit\""), "{numbers}");
    let shown: Vec<&String> = secrets.iter().filter(|secret| numbers.contains(secret.as_str())).collect();
    assert!(shown.is_empty(), "{shown:?} in {numbers}");
    assert_absent(&mut node, &secrets).await;
    assert!(
        collector.has(b"GET /api/clients/{clientId}/rate-limit") && collector.has(b"kept=this"),
        "spans came"
    );
    let traced: Vec<&String> = secrets.iter().filter(|secret| collector.has(secret.as_bytes())).collect();
    assert!(traced.is_empty(), "{traced:?} in spans");
    assert_eq!(Database::of(&node).count("activity_body"), 6, "trails are there, and closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_secrets_are_nowhere() {
    let jwt = "f3a9c1d07be24855912fa6630cd1e8b7";
    let admin = "9d04be17a2c65f38-of-old-times";
    let encryption = "0b7ed1c9f8423a6655e0917dc24fb83aa19c3f60d7e85b2417c9046fe3ba58d2";
    let settings = [
        ("LOG_LEVEL", "debug"),
        ("JWT_SECRET", jwt),
        ("ADMIN_API_KEY", admin),
        ("ENCRYPTION_KEY", encryption),
        ("AUDIT_CAPTURE", "full"),
    ];
    let mut node = Node::started(&settings).await;
    let answer = node.http.post(node.at("/api/token")).header("x-api-key", admin).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let token = answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    assert_absent(&mut node, &[jwt.to_owned(), admin.to_owned(), encryption.to_owned(), token]).await;
}

/// Uses keys and tokens, good and bad ones, in every way there is. Returns all that came up.
async fn use_secrets(node: &Node) -> Vec<String> {
    let mut secrets = vec![CANARY.to_owned(), PRIVATE.to_owned()];
    for (name, role) in [("ada", "client"), ("gate", "service")] {
        let account = node.register(name, role).await;
        let mut event = Event::new(&account, &mut Random(1)).json();
        if role == "service" {
            event["clientId"] = json!(account.id);
        }
        event["endpoint"] = json!(format!("/things?token={CANARY}#{CANARY}"));
        event["requestHeaders"] = json!({ "authorization": format!("Bearer {CANARY}") });
        event["requestBody"] = json!({ "password": CANARY, "note": PRIVATE });
        for request in [node.post(&account.key), node.post(CANARY)] {
            let answer = request.header("prefer", "wait=10").json(&event).send().await.unwrap();
            assert!([StatusCode::CREATED, StatusCode::UNAUTHORIZED].contains(&answer.status()));
        }
        let request = node.http.post(node.at("/api/token")).header("x-api-key", &account.key);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let token = answer["token"].as_str().unwrap().to_owned();
        let (broken_key, broken_token) = (format!("{}0", account.key), format!("{token}0"));
        for bearer in [&token, &broken_token] {
            let request = node.http.get(node.at("/api/usage/daily")).bearer_auth(bearer);
            let status = request.send().await.unwrap().status();
            assert_eq!(status.is_success(), bearer == &token, "{status}");
        }
        assert_eq!(
            node.post(&broken_key).json(&event).send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
        for secret in [&account.key, &account.token] {
            misplace(node, &account, &event, secret).await;
        }
        let tickets = use_tickets(node, &account).await;
        secrets.extend(tickets);
        let rotated = rotate(node, &account).await;
        // The secret within the key, too: `atk_<keyId>_<secret>_<crc32>`.
        let keys = [account.key, rotated];
        secrets.extend(keys.iter().filter_map(|key| key.split('_').nth(2)).map(str::to_owned));
        secrets.extend(keys);
        secrets.extend([account.token, token]);
    }
    let created = ["admin", "create", "--name", "eve", "--email", "eve@example.org"];
    let created = command(node, &created);
    let issued = command(node, &["admin", "key", "--client", &created[0], "--overlap", "0"]);
    for key in [&created[1], &issued[1]] {
        let answer = node.post(key).header("prefer", "wait=10").send().await.unwrap();
        assert!(answer.status().is_client_error());
        secrets.extend([key.clone(), key.split('_').nth(2).unwrap().to_owned()]);
    }
    secrets
}

/// Opens a stream by a ticket, once too often, and with one that is broken.
async fn use_tickets(node: &Node, account: &Account) -> [String; 2] {
    let request = node.http.post(node.at("/api/stream-tickets")).header("x-api-key", &account.key);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let ticket = answer["ticket"].as_str().unwrap().to_owned();
    let broken = format!("{ticket}0");
    for (ticket, status) in [(&broken, 401), (&ticket, 200), (&ticket, 401)] {
        let url = node.at(&format!("/api/usage/stream?channel=logs&ticket={ticket}"));
        let answer = node.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    [ticket, broken]
}

/// Gives a client another key, uses it, and revokes the old one.
async fn rotate(node: &Node, account: &Account) -> String {
    let keys = node.at(&format!("/api/clients/{}/keys", account.id));
    let issue = node.http.post(&keys).header("x-api-key", &account.key).json(&json!({ "overlap": 60 }));
    let issued: Value = issue.send().await.unwrap().json().await.unwrap();
    let key = issued["apiKey"].as_str().unwrap().to_owned();
    let old = account.key.split('_').nth(1).unwrap();
    let revoke = node.http.delete(format!("{keys}/{old}")).header("x-api-key", &key);
    assert_eq!(revoke.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let old = node.http.post(node.at("/api/token")).header("x-api-key", &account.key);
    assert_eq!(old.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    key
}

/// The values that a command prints, one a line.
fn command(node: &Node, arguments: &[&str]) -> Vec<String> {
    let output = node.command().args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("atk_"), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split_whitespace().last().unwrap().to_owned()).collect()
}

/// Puts a good key or token wherever a caller can put text, and where it does not belong.
async fn misplace(node: &Node, account: &Account, event: &Value, secret: &str) {
    let mut event = event.clone();
    event["id"] = json!(uuid::Uuid::now_v7().to_string());
    event["endpoint"] = json!(format!("https://{secret}@host/reset/{secret}/x?key={secret}#{secret}"));
    event["userAgent"] = json!(format!("{}{secret}", "a".repeat(480)));
    event["errorMessage"] = json!(format!("no such key: {secret}."));
    event["metadata"] = json!({ "note": { secret: [format!("\n{secret}")] } });
    event["requestHeaders"] = json!({ "x-any": secret, secret: "x" });
    event["requestBody"] = json!(format!("{{\"a\":\"{secret}\"}}"));
    event["responseBody"] = json!([[format!("see {secret}")]]);
    let request =
        node.http.post(node.at(&format!("/api/logs?key={secret}"))).header("x-api-key", &account.key);
    let request =
        request.header("prefer", "wait=10").header("x-request-id", secret).header("user-agent", secret);
    assert_eq!(request.json(&event).send().await.unwrap().status(), StatusCode::CREATED);

    for field in ["ipAddress", "method", "id", "timestamp", "clientId", "statusCode", "metadata", secret] {
        let mut event = event.clone();
        event[field] = json!(secret);
        let answer = node.post(&account.key).json(&event).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(!answer.text().await.unwrap().contains(secret), "{field}");
    }
    for (name, email) in [(secret, "eve@example.org"), ("eve", &format!("{secret}@example.org"))] {
        let request = node.http.post(node.at("/api/register")).header("x-api-key", node.admin_key());
        let answer = request.json(&json!({ "name": name, "email": email })).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name} {email}");
        assert!(!answer.text().await.unwrap().contains(secret), "{name} {email}");
    }
    for path in
        [format!("/nope/{secret}"), format!("/api/clients/{secret}/rate-limit"), format!("/livez?k={secret}")]
    {
        let request = node.http.get(node.at(&path)).header("x-request-id", format!("r-{secret}"));
        let request =
            request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let state = if path.starts_with("/livez") { "kept=this".to_owned() } else { format!("x={secret}") };
        let request = request.header("tracestate", state).header("cookie", secret).header("referer", secret);
        let answer = request.send().await.unwrap();
        assert!(answer.headers().values().all(|value| !value.to_str().unwrap_or_default().contains(secret)));
        assert!(!answer.text().await.unwrap().contains(secret), "{path}");
    }
}

/// Neither under the data folder, save `secrets`, nor in the log; while it runs and after its end.
async fn assert_absent(node: &mut Node, secrets: &[String]) {
    let data = node.path("data");
    let holders = |data: &Path| {
        let mut found = holders(data, secrets);
        found.retain(|file| !file.starts_with(data.join("secrets")));
        found
    };
    assert_eq!(holders(&data), [] as [PathBuf; 0]);
    node.stop().await;
    assert_eq!(holders(&data), [] as [PathBuf; 0]);
    let log = node.log();
    assert!(log.contains("\"level\":\"DEBUG\""), "the log says all that it can: {log}");
    let told: Vec<&String> = secrets.iter().filter(|secret| log.contains(secret.as_str())).collect();
    assert!(told.is_empty(), "{told:?} in the log: {log}");
}

/// The files in a folder, however deep, that contain one of these texts.
fn holders(folder: &Path, texts: &[String]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path, texts));
            continue;
        }
        // Only bytes that are no text get lost here, and secrets have none.
        let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        if texts.iter().any(|text| content.contains(text.as_str())) {
            found.push(path);
        }
    }
    found
}
