//! Schemas of other versions: refused with the command that helps, whenever contact is made.

use std::process::Output;

use activity_testkit::{Database, Postgres, Stop};

use crate::support::{Event, Ledger, Node, Outcome, Random};
use crate::{LONG, check, node, refusal, started};

const NEWER: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')";
const NO_LONGER: &str = "DELETE FROM __diesel_schema_migrations WHERE version = '99991231000000'";

fn migrate(node: &Node, arguments: &[&str]) -> Output {
    node.command().arg("migrate").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_shows_adds_and_takes_back_versions() {
    let database = Database::empty();
    let mut node = node(database.address(), &[]);
    let shown = text(&migrate(&node, &["status"]));
    assert!(shown.contains("pending") && !shown.contains("applied"), "{shown}");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0",
        "only looked at"
    );
    for arguments in [&["up"][..], &[], &["status"]] {
        let output = migrate(&node, arguments);
        let shown = text(&output);
        assert!(
            output.status.success() && shown.contains("applied") && !shown.contains("pending"),
            "{shown}"
        );
    }
    assert!(!node.path("data").exists(), "that is about the database only");
    let careful = migrate(&node, &["down"]);
    assert!(!careful.status.success() && text(&careful).contains("say --yes"), "{careful:?}");

    node.start().await;
    let refused = migrate(&node, &["down", "--yes"]);
    let said = text(&refused);
    assert!(!refused.status.success() && said.contains("instances are connected"), "{said}");
    node.stop().await;
    let older = migrate(&node, &["down", "--yes"]);
    assert!(older.status.success() && text(&older).contains("pending"), "{older:?}");

    let said = refusal(&mut node).await;
    assert!(
        said.contains("lacks the schema version") && said.contains("activity-tracker migrate up"),
        "{said}"
    );
    assert!(migrate(&node, &["up"]).status.success());
    node.start().await;
    node.stop().await;
    database.sql(NEWER);
    let said = refusal(&mut node).await;
    assert!(said.contains("99991231000000") && said.contains("use a newer program"), "{said}");
    let up = migrate(&node, &["up"]);
    assert!(!up.status.success() && text(&up).contains("99991231000000"), "{up:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_servers_that_start_at_once_set_up_an_empty_database_once() {
    let database = Database::empty();
    let mut nodes: Vec<Node> = (0..10).map(|_| node(database.address(), &[])).collect();
    for node in &mut nodes {
        node.spawn();
    }
    for node in &mut nodes {
        node.ready(LONG).await;
    }
    for node in &mut nodes {
        node.stop().await;
        let log = node.log();
        assert!(!log.contains("ERROR"), "{log}");
    }
    let twice = "SELECT count(*) - count(DISTINCT version) FROM __diesel_schema_migrations";
    assert_eq!(database.sql(twice), "0");
}

/// The server runs, has taken events, and then finds out: it ends, and keeps them.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_does_not_fit_ends_a_server_that_meets_it_later() {
    let mut postgres = Postgres::start();
    let address = postgres.address().clone();
    let mut node = started(&address, &[]).await;
    let ada = node.register("ada", "client").await;
    node.stop().await;
    let (mut ledger, mut random) = (Ledger::default(), Random(4));
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let version = address.sql(&format!("SELECT {newest}"));
    let older = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
    let again = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
    let faults = [
        (NEWER, NO_LONGER, "use a newer program"),
        (older.as_str(), again.as_str(), "run `activity-tracker migrate up`"),
    ];
    for (misfit, mended, reason) in faults {
        address.sql(misfit);
        postgres.stop(Stop::Fast);
        node.start().await;
        let events = Event::several(10, &ada, &mut random);
        ledger.send(node.post(&node.admin_key()), events).await;
        postgres.start_again();
        let status = node.exit(LONG).await;
        let log = node.log();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(reason) && log.contains("events stay in the spool"), "{log}");
        address.sql(mended);
    }
    assert_eq!(ledger.count(Outcome::Ok), 20);
    node.start().await;
    node.drain(&ada, &mut ledger).await;
    node.stop().await;
    check(&address, &ledger);
}
