//! The `admin` command, alone and beside a running server.

use std::process::Output;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{Account, Node, until};

/// Within this, a change acts on a server that did not make it.
const HEARD: Duration = Duration::from_secs(1);

fn admin(node: &Node, arguments: &[&str]) -> Output {
    node.command().arg("admin").args(arguments).output().unwrap()
}

/// What a line of the output says, such as the key.
fn said(output: &Output, name: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let value = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    value.unwrap_or_else(|| panic!("no {name} in {text:?}")).to_owned()
}

async fn status(node: &Node, key: &str) -> StatusCode {
    let request = node.http.get(node.at("/api/usage/daily")).header("x-api-key", key);
    request.send().await.unwrap().status()
}

async fn token_status(node: &Node, account: &Account) -> StatusCode {
    let request = node.http.get(node.at("/api/usage/daily")).bearer_auth(&account.token);
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_another_process_acts_within_a_second() {
    let node = Node::started(&[]).await;
    let (ada, bob) = (node.register("ada", "client").await, node.register("bob", "client").await);
    for account in [&ada, &bob] {
        assert_eq!(status(&node, &account.key).await, StatusCode::OK);
        assert_eq!(token_status(&node, account).await, StatusCode::OK);
    }
    let issued = admin(&node, &["key", "--client", &ada.id, "--overlap", "0"]);
    until("the old key to end", HEARD, async || {
        let ended = status(&node, &ada.key).await == StatusCode::UNAUTHORIZED;
        (ended && token_status(&node, &ada).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    assert_eq!(status(&node, &said(&issued, "key")).await, StatusCode::OK);
    assert_eq!((said(&issued, "client"), said(&issued, "expires")), (ada.id, "never".to_owned()));
    assert_eq!(status(&node, &bob.key).await, StatusCode::OK);
    assert_eq!(token_status(&node, &bob).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_created_before_the_first_start_and_beside_the_server() {
    let mut node = Node::new(&[("REGISTRATION", "admin")]);
    let create = |node: &Node, name: &str, role: &[&str]| {
        let email = format!("{name}@example.org");
        admin(node, &[&["create", "--name", name, "--email", &email][..], role].concat())
    };
    let early = said(&create(&node, "early", &[]), "key");
    node.start().await;
    let late = create(&node, "late", &["--role", "service", "--rate-limit", "7"]);
    let request = node.http.get(node.at(&format!("/api/clients/{}", said(&late, "client"))));
    let shown: Value = request.header("x-api-key", early).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["role"], &shown["rateLimit"]), (&"service".into(), &7.into()));
    assert_eq!(status(&node, &said(&late, "key")).await, StatusCode::OK);
    let again = create(&node, "late", &[]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("another client has this email"), "{again:?}");
    // What was done is in the audit log, without a request.
    admin(&node, &["key", "--client", &said(&late, "client")]);
    let request = node.http.get(node.at("/api/audit")).header("x-api-key", node.admin_key());
    let log: Value = request.send().await.unwrap().json().await.unwrap();
    let entries = log["data"].as_array().unwrap();
    let acts: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(acts, ["key.issue", "client.register", "client.register"]);
    assert!(entries.iter().all(|entry| entry["actor"] == "CL-admin" && entry["requestId"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let node = Node::started(&[]).await;
    let ada = node.register("ada", "client").await;
    let wrong = [
        (vec!["key", "--client", "CL-nobody"], "no such client"),
        (vec!["key", "--client", "a b"], "no client a b"),
        (vec!["key", "--client", &ada.id, "--expires-in", "0"], "--expires-in must be between"),
        (vec!["key", "--client", &ada.id, "--overlap=-1"], "--overlap must be between"),
        (vec!["create", "--name", " ", "--email", "x@example.org"], "--name must be"),
        (vec!["create", "--name", "x", "--email", "x"], "--email must be"),
        (vec!["create", "--name", "x", "--email", "x@example.org", "--role", "root"], "--role must be"),
    ];
    for (arguments, reason) in wrong {
        let output = admin(&node, &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(reason), "{arguments:?}: {said}");
    }
    let request = node.http.get(node.at("/api/clients")).header("x-api-key", node.admin_key());
    let listed: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_first_key_is_can_be_asked_at_any_time() {
    let mut node = Node::new(&[]);
    let ask = |node: &Node, arguments: &[&str]| {
        let output = admin(node, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let file = node.path("data/secrets/admin_key");
    assert!(ask(&node, &["where"]).contains("the first start will put"));
    assert!(!file.exists(), "it is not made by asking");
    node.start().await;
    for arguments in [&["where"][..], &["key"]] {
        let said = ask(&node, arguments);
        assert!(said.contains(&format!("is in {}", file.display())), "{said}");
        assert!(!said.contains(&node.admin_key()));
    }
    let configured = Node::new(&[("ADMIN_API_KEY", "9d04be17a2c65f38-of-old-times")]);
    let said = ask(&configured, &["where"]);
    assert!(said.contains("configured") && !said.contains("9d04be17"), "{said}");
}
