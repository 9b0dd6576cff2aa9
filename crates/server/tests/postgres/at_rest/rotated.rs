//! Another encryption key for everything that is there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Store, as_admin, ask};
use crate::support::Node;
use crate::{ENCRYPTION_KEY, refusal};

const NEW: &str = "82c6d0a95e1f4b37a9d2e85c7041f6b30e9b5d74c1a28f6603d7e94b5f1c8a29";
const TRAILS: usize = 300;

async fn record(node: &Node, key: &str) {
    let event = |number: usize| {
        json!({
            "endpoint": "/things", "method": "GET", "statusCode": 200,
            "id": Uuid::now_v7().to_string(), "timestamp": Timestamp::now().to_string(),
            "requestBody": format!("body {number}"),
        })
    };
    let events: Vec<Value> = (0..TRAILS).map(event).collect();
    let stored = node.post(key).header("prefer", "wait=10").json(&events).send().await.unwrap();
    assert_eq!(stored.status(), StatusCode::CREATED);
}

/// How many trails open, and that all do.
async fn opened(node: &Node) -> usize {
    let page = ask(node, "/api/logs?audit=true&limit=1000").await;
    let rows = page["data"].as_array().unwrap();
    for row in rows {
        assert!(row["audit"]["requestBody"].as_str().is_some_and(|body| body.starts_with("body ")), "{row}");
    }
    rows.len()
}

async fn emails(node: &Node) -> Vec<String> {
    let listed = ask(node, "/api/clients").await;
    let mut emails: Vec<String> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["email"].as_str().unwrap().to_owned())
        .collect();
    emails.sort();
    emails
}

/// The command, killed once it has begun.
fn killed(node: &Node) {
    let mut command = node.command();
    let command = command.args(["admin", "rotate-encryption"]).env("LOG_FORMAT", "json");
    let mut process: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let begun = lines.map_while(Result::ok).any(|line| line.contains("sealing anew"));
    assert!(begun, "it says how far it is");
    process.kill().unwrap();
    process.wait().unwrap();
}

fn rotate(node: &Node) -> String {
    let (ok, said) = node.run(&["admin", "rotate-encryption"]);
    assert!(ok, "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_opens_with_the_new_key_alone_after_it() {
    let both = format!("{NEW},{ENCRYPTION_KEY}");
    for store in Store::each() {
        let mut node = store.node(&[("AUDIT_CAPTURE", "full")]);
        node.start().await;
        let ada = node.register("ada", "client").await;
        node.register("bob", "client").await;
        record(&node, &ada.key).await;
        node.stop().await;
        node.set("ENCRYPTION_KEY", &both);
        node.start().await;
        node.register("eve", "client").await;
        assert_eq!(opened(&node).await, TRAILS);

        // Too early: there are things that need the old key.
        let mut early = store.node(&[]);
        if matches!(store, Store::Embedded) {
            early.set("DATA_DIR", node.path("data").to_str().unwrap());
        }
        early.set("ENCRYPTION_KEY", NEW);
        let (ok, said) = early.run(&["admin", "set-aside", "list"]);
        assert!(!ok && said.contains("ENCRYPTION_KEY lacks the key"), "{said}");

        killed(&node);
        assert_eq!(opened(&node).await, TRAILS, "while the server goes on");
        let said = rotate(&node);
        assert!(said.contains("Run this again when all instances"), "{said}");
        assert!(rotate(&node).contains("The others may be taken off the list"));
        node.stop().await;

        node.set("ENCRYPTION_KEY", NEW);
        node.start().await;
        assert_eq!((opened(&node).await, emails(&node).await.len()), (TRAILS, 3));
        assert_eq!(emails(&node).await, ["ada@example.org", "bob@example.org", "eve@example.org"]);
        let wish = json!({ "name": "ada", "email": "ada@example.org" });
        let again = as_admin(node.http.post(node.at("/api/register"))).json(&wish).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::CONFLICT, "emails are known by what they were known by");
        node.stop().await;
        node.set("ENCRYPTION_KEY", ENCRYPTION_KEY);
        let said = refusal(&mut node).await;
        assert!(said.contains("ENCRYPTION_KEY"), "{said}");
    }
}
