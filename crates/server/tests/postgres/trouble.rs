//! A database that is there and of no use: senders go on, the log and /readyz say what it is, and when it is put
//! right everything arrives.

use activity_testkit::{Address, Database, Postgres, Stop};
use reqwest::StatusCode;

use crate::support::{Account, Event, Ledger, Node, Outcome, Random, until};
use crate::{LONG, check, readyz, started};

/// Events for a client are taken, and the trouble is told.
async fn goes_on(node: &Node, ada: &Account, ledger: &mut Ledger, readyz_says: &str, log_says: &str) {
    let events = Event::several(10, ada, &mut Random(ledger.count(Outcome::Ok) as u64));
    let status = ledger.send(node.post(&node.admin_key()), events).await;
    assert_eq!(status, Some(StatusCode::ACCEPTED));
    until("it to be told", LONG, async || {
        let (status, ok, detail) = readyz(node, "store").await;
        assert_eq!(status, StatusCode::OK);
        (!ok && detail == format!("Postgres {readyz_says}; events wait in the spool")).then_some(())
    })
    .await;
    until("the log to say it", LONG, async || node.log().contains(log_says).then_some(())).await;
}

async fn arrives(mut node: Node, address: &Address, ada: &Account, mut ledger: Ledger) {
    until("contact", LONG, async || readyz(&node, "store").await.1.then_some(())).await;
    until("everything to arrive", LONG, async || {
        let request = node.post(&node.admin_key()).header("prefer", "wait=5");
        let last = vec![Event::new(ada, &mut Random(99))];
        ledger.send(request, last).await.filter(|status| *status == StatusCode::CREATED)
    })
    .await;
    node.stop().await;
    check(address, &ledger);
}

/// A client in a database that is all right.
async fn registered(address: &Address) -> Account {
    let mut node = started(address, &[]).await;
    let ada = node.register("ada", "client").await;
    node.stop().await;
    ada
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password() {
    let postgres = Postgres::start();
    let address = postgres.address();
    let ada = registered(address).await;
    postgres.sql("CREATE ROLE app SUPERUSER LOGIN PASSWORD 'another'");
    let app = Address { user: "app".into(), password: "c4n4ry".into(), ..address.clone() };
    let node = started(&app, &[]).await;
    let mut ledger = Ledger::default();
    let reason = "password authentication failed for user";
    goes_on(&node, &ada, &mut ledger, "refuses the user or the password", reason).await;
    postgres.sql("ALTER ROLE app PASSWORD 'c4n4ry'");
    assert!(!node.log().contains("c4n4ry"), "{}", node.log());
    arrives(node, address, &ada, ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_missing() {
    let database = Database::empty();
    let ada = Account { id: "CL-someone".into(), key: String::new(), token: String::new() };
    let name = format!("{}_later", database.address().database);
    let address = database.address().of(&name);
    let node = started(&address, &[]).await;
    let mut ledger = Ledger::default();
    goes_on(&node, &ada, &mut ledger, "does not have the database", "does not exist").await;
    database.sql(&format!("CREATE DATABASE {name}"));
    until("contact", LONG, async || readyz(&node, "store").await.1.then_some(())).await;
    // Whoever recorded for a client that nobody knows was believed; the events are there.
    let there = "SELECT count(*) FROM activity JOIN client_number n ON n.no = client AND n.id = 'CL-someone'";
    until("everything to arrive", LONG, async || (address.sql(there) == "10").then_some(())).await;
    drop(node);
    database.sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_only_be_read() {
    let postgres = Postgres::start();
    let address = postgres.address();
    let ada = registered(address).await;
    let only_read = |yes: &str| {
        postgres.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {yes}"));
        postgres.sql("SELECT pg_reload_conf()");
    };
    only_read("on");
    let node = started(address, &[]).await;
    let mut ledger = Ledger::default();
    goes_on(&node, &ada, &mut ledger, "can only be read", "read-only transaction").await;
    let daily =
        node.http.get(node.at("/api/usage/daily")).header("x-api-key", &ada.key).send().await.unwrap();
    assert_eq!(daily.status(), StatusCode::OK, "it can be read");
    let reset = "SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only";
    postgres.sql(reset);
    postgres.sql("SELECT pg_reload_conf()");
    arrives(node, address, &ada, ledger).await;
}

/// No server here is that old: this one says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old() {
    let mut postgres = Postgres::start();
    let address = postgres.address().clone();
    let ada = registered(&address).await;
    postgres.sql(
        "CREATE SCHEMA old; CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS $$ \
         SELECT CASE name WHEN 'server_version_num' THEN '130014' WHEN 'server_version' THEN '13.14' \
         ELSE pg_catalog.current_setting(name) END $$; \
         ALTER DATABASE postgres SET search_path = old, pg_catalog, public",
    );
    let too_old = "is PostgreSQL 13.14; 14 is the oldest that will do";
    let mut node = crate::node(&address, &[]);
    let said = crate::refusal(&mut node).await;
    assert!(said.contains(too_old), "{said}");

    // Found out later, when it has taken events.
    postgres.stop(Stop::Fast);
    node.start().await;
    let mut ledger = Ledger::default();
    let events = Event::several(10, &ada, &mut Random(7));
    ledger.send(node.post(&node.admin_key()), events).await;
    postgres.start_again();
    assert_eq!(node.exit(LONG).await.code(), Some(1));
    assert!(node.log().contains("events stay in the spool"), "{}", node.log());
    postgres.sql("ALTER DATABASE postgres RESET search_path");
    node.start().await;
    assert_eq!(ledger.count(Outcome::Ok), 10);
    arrives(node, &address, &ada, ledger).await;
}
