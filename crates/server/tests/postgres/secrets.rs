//! Instances on one database have the same secrets, or do not start.

use std::collections::BTreeSet;

use activity_testkit::{Database, Postgres, Stop};
use reqwest::StatusCode;

use crate::support::Node;
use crate::{ENCRYPTION_KEY, JWT_SECRET, LONG, node, refusal, refusal_of_settings, started};

const OTHER: &str = "82c6d0a95e1f4b37a9d2e85c7041f6b30e9b5d74c1a28f6603d7e94b5f1c8a29";
const THIRD: &str = "5d0b3e97f1486ca2b7f5904ed36c18a7e20f7b49c5d861a3907e4cb2f8d5136e";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_other_secrets_does_not_start() {
    let database = Database::empty();
    let mut first = started(database.address(), &[]).await;
    for (name, setting) in
        [("JWT_SECRET", ("JWT_SECRET", OTHER)), ("ENCRYPTION_KEY", ("ENCRYPTION_KEY", OTHER))]
    {
        let mut second = node(database.address(), &[setting]);
        let said = refusal(&mut second).await;
        assert!(said.contains(&format!("{name} is another one than that of the instances")), "{said}");
        assert!(said.contains("admin accept-secrets") && !said.contains(OTHER), "{said}");
    }
    // The same ones.
    started(database.address(), &[]).await.stop().await;
    first.stop().await;
    let kept = database.sql("SELECT string_agg(name || encode(digest, 'hex'), ' ') FROM secret_fingerprint");
    assert!(kept.contains("JWT_SECRET") && kept.contains("ENCRYPTION_KEY"), "{kept}");
    assert!(!kept.contains(JWT_SECRET) && !kept.contains(ENCRYPTION_KEY), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encryption_key_is_changed_by_a_list() {
    let database = Database::empty();
    let list = |keys: &[&str]| keys.join(",");
    let run = async |keys: &[&str]| {
        started(database.address(), &[("ENCRYPTION_KEY", &list(keys))]).await.stop().await;
    };
    let refused = async |keys: &[&str]| {
        let mut node = node(database.address(), &[("ENCRYPTION_KEY", &list(keys))]);
        let said = refusal(&mut node).await;
        assert!(said.contains("ENCRYPTION_KEY is another one"), "{said}");
    };
    run(&[ENCRYPTION_KEY]).await;
    refused(&[OTHER]).await;
    run(&[OTHER, ENCRYPTION_KEY]).await;
    // It could not open what is sealed with the new one.
    refused(&[ENCRYPTION_KEY]).await;
    run(&[ENCRYPTION_KEY, OTHER]).await;
    run(&[OTHER, ENCRYPTION_KEY]).await;
    run(&[OTHER]).await;
    run(&[THIRD, OTHER]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_changed_for_all_by_a_command() {
    let database = Database::empty();
    let mut old = started(database.address(), &[]).await;
    old.stop().await;
    let mut new = node(database.address(), &[("JWT_SECRET", OTHER)]);
    refusal(&mut new).await;
    let (ok, said) = new.run(&["admin", "accept-secrets"]);
    assert!(ok && said.contains("accepted: JWT_SECRET"), "{said}");
    new.start().await;
    new.stop().await;
    assert!(refusal(&mut old).await.contains("JWT_SECRET is another one"));
    let (ok, said) = Node::new(&[]).run(&["admin", "accept-secrets"]);
    assert!(!ok && said.contains("the embedded store has one instance"), "{said}");
}

/// What somebody is answered whose key the server would have to look up.
async fn asked_until_the_end(http: reqwest::Client, url: String) -> BTreeSet<StatusCode> {
    let mut statuses = BTreeSet::new();
    while let Ok(answer) = http.get(&url).header("x-api-key", THIRD).send().await {
        statuses.insert(answer.status());
    }
    statuses
}

/// It is found out when the database comes, and nothing that was taken is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_finds_out_later_ends() {
    let mut postgres = Postgres::start();
    let address = postgres.address().clone();
    started(&address, &[]).await.stop().await;
    postgres.stop(Stop::Fast);
    let mut other = started(&address, &[("JWT_SECRET", OTHER)]).await;
    let asking = tokio::spawn(asked_until_the_end(other.http.clone(), other.at("/api/usage/daily")));
    postgres.start_again();
    let status = other.exit(LONG).await;
    let log = other.log();
    let statuses = asking.await.unwrap();
    let only = BTreeSet::from([StatusCode::SERVICE_UNAVAILABLE]);
    assert_eq!(statuses, only, "whoever asks meanwhile may ask another instance");
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("JWT_SECRET is another one"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_configured_secrets_makes_none() {
    let mut node = Node::new(&[("DATABASE_HOST", "127.0.0.1"), ("AUDIT_CAPTURE", "full")]);
    let said = refusal_of_settings(&mut node).await;
    for name in ["JWT_SECRET", "ADMIN_API_KEY", "ENCRYPTION_KEY"] {
        assert!(said.contains(&format!("{name} is not set and must be with Postgres")), "{said}");
    }
    assert!(said.contains("openssl rand -hex 32") && !node.path("data").exists(), "{said}");
}
