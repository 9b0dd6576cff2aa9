//! Databases with the schema, made in milliseconds: the migrations run once, and each test gets a copy.

#![allow(clippy::expect_used, dead_code, reason = "in a test, that is how it fails; not each test uses all")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use activity_adapter_postgres::{Options, PostgresStore, Server, migrations};
use activity_testkit::{Address, Database};

/// A database with nothing in it but the schema.
pub fn database() -> Database {
    Database::from_template(&migration_texts(), |address| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(migrations::up(&server(address))).expect("the schema");
    })
}

/// A store on a database. It waits for as long as a machine may stand still on which much is built and tested.
pub fn store(database: &Database) -> PostgresStore {
    let wait = Duration::from_secs(30);
    let options = Options::new(server(database.address()));
    PostgresStore::new(Options { reader_wait: wait, writer_wait: wait, ..options })
}

/// Where a database is.
pub fn server(address: &Address) -> Server {
    Server::parse(&address.url()).expect("the address of a database")
}

/// Somebody in the middle of a transaction, until this is dropped.
pub async fn hold(database: &Database, sql: &str) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; {sql}")).await.expect("a transaction");
    client
}

/// Asks until there is an answer, as a server may take a while to be there.
pub fn answered<T, E, Asked>(what: &str, mut ask: impl FnMut() -> Asked) -> T
where
    Asked: Future<Output = Result<T, E>>,
{
    let mut ask = || tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(ask())).ok();
    activity_testkit::until(what, Duration::from_secs(30), &mut ask)
}

/// All that makes the schema: another text makes another template.
fn migration_texts() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let versions = fs::read_dir(folder).expect("the folder of migrations");
    let mut files: Vec<_> = versions.map(|entry| entry.expect("a version").path().join("up.sql")).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).expect("an up.sql")).collect()
}
