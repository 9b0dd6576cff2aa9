//! Postgres keeps the laws of every port.

#![allow(clippy::expect_used, reason = "in a test, that is how it fails")]

use activity_adapter_postgres::{Options, PostgresStore, Server};
use activity_contract::Stores;
use activity_testkit::Database;

async fn fresh() -> Stores {
    let database = Database::empty();
    let server = Server::parse(&database.url()).expect("the address of a database");
    Stores::of(PostgresStore::new(Options::new(server)), database)
}

activity_contract::laws!(fresh);
