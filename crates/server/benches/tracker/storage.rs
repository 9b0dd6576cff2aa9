//! Where a server under test keeps its rows.

use std::sync::Arc;

use activity_adapter_postgres::{Options, PostgresStore, Server};
use activity_adapter_sqlite::SqliteStore;
use activity_domain::port::{ActivitySink, ClientRepo, Upkeep};
use activity_testkit::{Postgres, Settings};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::Outcome;
use crate::options::folder;
use crate::process::database;

/// Memory and log as one would set them for such a load, and what counts statements.
const CONFIGURATION: [(&str, &str); 4] = [
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("wal_compression", "on"),
    ("shared_preload_libraries", "pg_stat_statements"),
];
/// Good for this benchmark only.
const SECRETS: [(&str, &str); 3] = [
    ("ADMIN_API_KEY", "7ab1e09c53d84f26b0c7d2e95a18f463"),
    ("JWT_SECRET", "c2b7f09d14e6a8350bd1f27c96e4083a5d7f1b29c0e86a4375fd12b8e9a0c64d"),
    ("ENCRYPTION_KEY", "50d1c8e2f7a94b3680e5d9c1a72f4b6e8d03c5f9172a4e6b80d3c9f5e1a7b246"),
];

/// A kind of store.
pub enum Storage {
    /// A file of its own for each place.
    Embedded,
    /// A database of its own for each place.
    Postgres(Box<Postgres>),
}

/// Where one server keeps its rows.
pub struct Place {
    /// Its folder.
    pub folder: TempDir,
    /// What it has to be told to find them.
    pub settings: Vec<(&'static str, String)>,
}

/// What fills a store.
pub trait Filled: ActivitySink + Upkeep + ClientRepo {}

impl<T: ActivitySink + Upkeep + ClientRepo> Filled for T {}

/// A server that waits for its disk.
pub fn postgres() -> Box<Postgres> {
    let configuration = CONFIGURATION.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Box::new(block_in_place(|| Postgres::with(&Settings { durable: true, configuration })))
}

impl Storage {
    /// An empty place with this name, which no other has.
    pub fn place(&self, name: &str) -> Outcome<Place> {
        let settings = match self {
            Self::Embedded => Vec::new(),
            Self::Postgres(server) => {
                block_in_place(|| server.sql(&format!("CREATE DATABASE {name}")));
                let secrets = SECRETS.map(|(name, secret)| (name, secret.to_owned()));
                [vec![("DATABASE_URL", server.address().of(name).url())], secrets.to_vec()].concat()
            }
        };
        Ok(Place { folder: folder()?, settings })
    }
}

impl Place {
    /// The store, ready, for somebody who is not the server.
    pub async fn store(&self) -> Outcome<Arc<dyn Filled>> {
        match self.settings.iter().find(|(name, _)| *name == "DATABASE_URL") {
            None => Ok(Arc::new(SqliteStore::open(&database(self.folder.path())).await?)),
            Some((_, url)) => {
                let store = PostgresStore::new(Options::new(Server::parse(url)?));
                store.ready().await?;
                Ok(Arc::new(store))
            }
        }
    }
}
