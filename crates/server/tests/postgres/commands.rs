//! The other commands on Postgres, beside a server and without one.

use std::fs;

use activity_testkit::{Database, Postgres, Stop};

use crate::support::{Event, Ledger, Node, Outcome, Random};
use crate::{check, node, started};

/// Ten thousand lines would say no more.
fn access_log(node: &Node) -> String {
    let at = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    let line = |n: usize| {
        format!("192.0.2.{} - - [{at}] \"GET /things/{n} HTTP/1.1\" 200 17 \"-\" \"curl/8.5.0\"\n", n % 5)
    };
    let file = node.path("access.log");
    fs::write(&file, (0..500).map(line).collect::<String>()).unwrap();
    file.to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_imported_with_and_without_a_server() {
    let database = Database::empty();
    let mut node = node(database.address(), &[]);
    let log = access_log(&node);
    let import = |node: &Node| {
        let (ok, said) = node.run(&["import", "--client-by", "ip", &log]);
        assert!(ok, "{said}");
        said
    };
    let rows = || database.sql("SELECT count(*) FROM activity");
    import(&node);
    assert_eq!((rows().as_str(), database.sql("SELECT count(*) FROM client").as_str()), ("500", "5"));
    node.start().await;
    let said = import(&node);
    assert!(said.contains("500"), "{said}");
    let last = node.stop().await;
    assert_eq!(
        (&last["accepted"], &last["duplicate"]),
        (&500.into(), &500.into()),
        "through the server: {last}"
    );
    // From anywhere, while servers work on the database.
    let elsewhere = crate::node(database.address(), &[]);
    node.start().await;
    import(&elsewhere);
    assert_eq!(rows(), "500");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_made_and_given_keys_from_anywhere() {
    let database = Database::empty();
    let operator = node(database.address(), &[]);
    let said = |node: &Node, arguments: &[&str], name: &str| {
        let (ok, text) = node.run(arguments);
        assert!(ok, "{text}");
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
    };
    let create = ["admin", "create", "--name", "ops", "--email", "ops@example.org"];
    let client = said(&operator, &create, "client");
    let server = started(database.address(), &[]).await;
    let key = said(&operator, &["admin", "key", "--client", &client], "key");
    let answer = server.http.get(server.at("/api/clients")).header("x-api-key", key).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let (ok, text) = operator.run(&["admin", "set-aside", "list"]);
    assert!(ok && text.contains("nothing is set aside"), "{text}");
    let (ok, text) = operator.run(&["prewarm"]);
    assert!(!ok && text.contains("no server is running on"), "{text}");
    let (ok, text) = server.run(&["prewarm"]);
    assert!(ok && text.contains("failed in"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_of_a_server_that_is_gone_is_drained() {
    let mut postgres = Postgres::start();
    let address = postgres.address().clone();
    let mut gone =
        started(&address, &[("LOG_BATCH_INTERVAL_MS", "60000"), ("LOG_BATCH_SIZE", "10000")]).await;
    let ada = gone.register("ada", "client").await;
    let events = Event::several(40, &ada, &mut Random(41));
    let mut ledger = Ledger::default();
    gone.record(&ada.key, &events, false).await;
    ledger.note(events, Outcome::Ok);
    gone.kill();
    let spool = gone.path("data/spool").to_string_lossy().into_owned();
    let operator = node(&address, &[]);
    postgres.stop(Stop::Fast);
    let (ok, said) = operator.run(&["admin", "create", "--name", "x", "--email", "x@example.org"]);
    assert!(!ok && said.contains("Connection refused"), "{said}");
    let mut waiting = operator.command().args(["admin", "drain", "--spool", &spool]).spawn().unwrap();
    postgres.start_again();
    assert!(waiting.wait().unwrap().success(), "it waits for the database");
    check(&address, &ledger);
    let (ok, said) = operator.run(&["admin", "drain", "--spool", &spool]);
    assert!(ok && said.contains("stored"), "{said}");
    check(&address, &ledger);
}
