//! Starts that have to fail, and say why without telling secrets.

use std::fs;
use std::time::Duration;

use crate::support::{Event, Ledger, Node, Outcome, Random};
use crate::{RECENT, check};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_leaves_the_first_ones_data_alone() {
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50")]).await;
    let account = node.register("ada", "client").await;
    let mut random = Random(8);
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        let data = node.path("data");
        let text = refusal(&mut Node::new(&[("DATA_DIR", data.to_str().unwrap())]), 1).await;
        assert!(text.contains("data/spool is in use by another process"), "{text}");
        let events = Event::several(10, &account, &mut random);
        node.record(&account.key, &events, true).await;
        ledger.note(events, Outcome::Ok);
    }
    assert_eq!(fs::read_to_string(node.path("data/server.url")).unwrap(), node.at(""));
    node.stop().await;
    check(&node, &ledger, RECENT);
}

const CANARY: &str = "c4n4ry";

/// The file, the environment, and what the message has to name.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_setting_is_named_and_nothing_is_begun() {
    const PRODUCTION: (&str, &str) = ("APP_ENV", "production");
    let cases: &[Case] = &[
        ("", &[("PORT", "abc")], &["PORT", "abc"]),
        ("favourite_colour = \"c4n4ry\"", &[], &["favourite_colour", "activity-tracker.toml"]),
        ("jwt_secert = \"c4n4ry\"", &[], &["jwt_secert", "JWT_SECRET"]),
        ("jwt_secret = c4n4ry", &[], &["activity-tracker.toml", "line 1"]),
        ("", &[PRODUCTION], &["JWT_SECRET", "ADMIN_API_KEY"]),
        ("", &[PRODUCTION, ("JWT_SECRET", CANARY)], &["JWT_SECRET", "ADMIN_API_KEY", "characters"]),
        ("admin_api_key = \"c4n4ry\"", &[], &["ADMIN_API_KEY", "characters"]),
        (
            "",
            &[("DATABASE_URL", "postgres://user:c4n4ry@db/x")],
            &["JWT_SECRET", "ADMIN_API_KEY", "Postgres"],
        ),
        (
            "database_host = \"db\"",
            &[("DATABASE_URL", "postgres://u:c4n4ry@db/x")],
            &["DATABASE_HOST", "beside"],
        ),
        ("", &[("REDIS_URL", "redis://:c4n4ry@cache")], &["JWT_SECRET", "Redis"]),
    ];
    for (file, settings, expected) in cases {
        let mut node = Node::new(settings);
        fs::write(node.path("activity-tracker.toml"), file).unwrap();
        let text = refusal(&mut node, 78).await;
        assert!(expected.iter().all(|word| text.contains(word)), "{expected:?} in: {text}");
        assert!(!text.contains(CANARY), "{text}");
        assert!(!node.path("data").exists(), "nothing is begun with {settings:?} {file}");
    }
}

/// Starts a server, which has to end by itself with this code. Returns everything that it said.
async fn refusal(node: &mut Node, code: i32) -> String {
    node.spawn();
    let status = node.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(code), "{}", node.log());
    node.log()
}
