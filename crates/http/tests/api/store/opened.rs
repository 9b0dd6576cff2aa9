//! An empty store of the kind that `ACTIVITY_TEST_STORE` names: `memory` (the default), `sqlite` or `postgres`.

use std::any::Any;
use std::env;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use activity_adapter_memory::MemoryStore;
use activity_adapter_postgres::{Options, PostgresStore, Server, migrations};
use activity_adapter_sqlite::SqliteStore;
use activity_domain::port::{ActLog, ActivitySink, ClientRepo, TicketRepo, UsageRepo};
use activity_testkit::{Address, Database};
use tokio::runtime::{Builder, Runtime};

/// The ports that the API needs, by one store.
pub struct Opened {
    pub clients: Arc<dyn ClientRepo>,
    pub sink: Arc<dyn ActivitySink>,
    pub usage: Arc<dyn UsageRepo>,
    pub tickets: Arc<dyn TicketRepo>,
    pub acts: Arc<dyn ActLog>,
    /// Where the store works: it wants more than the one thread that a test has.
    runtime: Option<Runtime>,
    /// Where its data lies, which goes after it.
    _place: Box<dyn Any + Send + Sync>,
}

impl Opened {
    pub fn by_environment() -> Self {
        match env::var("ACTIVITY_TEST_STORE").as_deref().unwrap_or("memory") {
            "memory" => Self::over(MemoryStore::default(), None, Box::new(())),
            "sqlite" => Self::on_sqlite(),
            "postgres" => Self::on_postgres(),
            other => panic!("ACTIVITY_TEST_STORE must be memory, sqlite or postgres, not {other}"),
        }
    }

    fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("activity.db");
        let runtime = runtime();
        let store = beside(|| runtime.block_on(SqliteStore::open(&file)).unwrap());
        Self::over(store, Some(runtime), Box::new(folder))
    }

    fn on_postgres() -> Self {
        let server = |address: &Address| Server::parse(&address.url()).unwrap();
        let database = Database::from_template(&schema(), |address| {
            runtime().block_on(migrations::up(&server(address))).unwrap();
        });
        let runtime = runtime();
        let store = {
            let _here = runtime.enter();
            PostgresStore::new(Options::new(server(database.address())))
        };
        Self::over(store, Some(runtime), Box::new(database))
    }

    fn over<S>(store: S, runtime: Option<Runtime>, place: Box<dyn Any + Send + Sync>) -> Self
    where
        S: ClientRepo + ActivitySink + UsageRepo + TicketRepo + ActLog + 'static,
    {
        let store = Arc::new(store);
        Self {
            clients: store.clone(),
            sink: store.clone(),
            usage: store.clone(),
            tickets: store.clone(),
            acts: store,
            runtime,
            _place: place,
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // A test is on a runtime itself, where one must not wait for another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs something on a thread of its own, which is in no runtime.
fn beside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// All that makes the schema: another text makes another template.
fn schema() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let versions = fs::read_dir(folder).unwrap().map(|version| version.unwrap().path());
    let mut files: Vec<_> = versions.map(|version| version.join("up.sql")).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}
