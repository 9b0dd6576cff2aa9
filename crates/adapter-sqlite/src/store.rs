//! One writer, a few readers.
//!
//! SQLite lets one connection write at a time and any number read beside it (WAL). So there is one
//! connection for writing, and waiting for it is a queue in front of a pool instead of `SQLITE_BUSY`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use activity_domain::act::Signature;
use activity_domain::error::StoreError;
use activity_domain::hygiene::DEFAULT_MAX_ENDPOINTS;
use activity_domain::port::Upkeep;
use activity_domain::service::Emails;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, QueryResult};
use diesel_async::AsyncConnection;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use tokio::runtime::Handle;

use crate::error::Failure;
use crate::merging;
use crate::migrations;
use crate::numbers::NumberCache;
use crate::recount;

type Wrapped = SyncConnectionWrapper<SqliteConnection>;

const READERS: u32 = 4;
/// A reader is had at once or the store is overloaded; the writer may be busy with a large batch.
const READER_WAIT: Duration = Duration::from_secs(2);
const WRITER_WAIT: Duration = Duration::from_secs(5);

/// `synchronous = FULL`: a segment of the spool is deleted once its rows are committed, so a commit
/// has to survive a power cut. `busy_timeout` is for other processes, such as an import. `secure_delete`:
/// what is deleted is overwritten, because an erased client must leave no trace in the file.
const PRAGMAS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -32768;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
";

/// The embedded store. All ports of storage are implemented by it.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Pool<Wrapped>,
    readers: Pool<Wrapped>,
    runtime: Handle,
    pub(crate) numbers: Arc<NumberCache>,
    pub(crate) max_endpoints: usize,
    /// In whose name clients are changed, if that is to be written down.
    pub(crate) signature: Option<Signature>,
    pub(crate) emails: Emails,
}

/// How a store is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many endpoints of each client and day are counted by name.
    pub max_endpoints: usize,
    /// How emails are kept.
    pub emails: Emails,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_endpoints: DEFAULT_MAX_ENDPOINTS, emails: Emails::Plain }
    }
}

impl SqliteStore {
    /// Opens a database file, making it or bringing it to the newest schema if need be. Its work is done
    /// by the runtime that this is called on, which has to have more than one thread.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        Self::open_with(file, Options::default()).await
    }

    /// The same, set up otherwise.
    pub async fn open_with(file: &Path, options: Options) -> Result<Self, StoreError> {
        let Options { max_endpoints, emails } = options;
        let path = file.to_owned();
        tokio::task::spawn_blocking(move || migrations::up(&path))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))??;
        let writer = pool(file, 1, WRITER_WAIT).await?;
        let readers = pool(file, READERS, READER_WAIT).await?;
        let (runtime, numbers) = (Handle::current(), Arc::default());
        let store = Self { writer, readers, runtime, numbers, max_endpoints, emails, signature: None };
        store.seal_emails().await?;
        store.count_again().await?;
        Ok(store)
    }

    /// The same store, in somebody's name.
    pub(crate) fn signed_by(&self, by: Signature) -> Self {
        Self { signature: Some(by), ..self.clone() }
    }

    /// After some migrations everything has to be counted again, which is done before anybody asks.
    async fn count_again(&self) -> Result<(), StoreError> {
        let mut counted = 0;
        while let Some(step) = self.write(recount::step).await? {
            if counted == 0 {
                tracing::info!("the new schema needs all raw rows to be counted again: this takes a while");
            }
            counted += step.rows;
            // Else all deltas would wait at once, and every answer would have to read them.
            while self.compact(step.latest).await?.more {}
        }
        if counted > 0 {
            tracing::info!(rows = counted, "raw rows were counted again");
        }
        Ok(())
    }

    /// Runs a closure in one write transaction, off the runtime's threads. It runs to its end even if
    /// the caller goes away.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.writer, move |c| c.immediate_transaction(work)).await
    }

    /// Runs a closure on the writer outside a transaction, for what cannot be in one.
    pub(crate) async fn maintain<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.writer, work).await
    }

    /// Runs a closure on one snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.readers, move |c| c.transaction(work)).await
    }

    /// Runs a closure on a connection, as a task of the runtime that the store was opened on. A caller
    /// that goes away (a request's time-out, a lost connection) only stops waiting; and the caller's own
    /// runtime, which may be a web worker's single thread, has nothing to do with the pool.
    async fn run<T: Send + 'static>(
        &self,
        pool: &Pool<Wrapped>,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = pool.clone();
        let task = self.runtime.spawn(async move {
            let mut connection =
                pool.get().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let result: QueryResult<Result<T, Failure>> =
                connection.spawn_blocking(move |c| Ok(work(c))).await;
            result.map_err(Failure::from).and_then(|result| result).map_err(StoreError::from)
        });
        task.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

async fn pool(file: &Path, size: u32, wait: Duration) -> Result<Pool<Wrapped>, StoreError> {
    let mut config = ManagerConfig::<Wrapped>::default();
    config.recycling_method = RecyclingMethod::Fast;
    let path: PathBuf = file.to_owned();
    config.custom_setup = Box::new(move |_| {
        let path = path.clone();
        Box::pin(async move {
            let mut connection = Wrapped::establish(&path.to_string_lossy()).await?;
            let set_up =
                |c: &mut SqliteConnection| c.batch_execute(PRAGMAS).and_then(|()| merging::register(c));
            let pragmas = connection.spawn_blocking(set_up).await;
            pragmas.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        })
    });
    let manager = AsyncDieselConnectionManager::new_with_config(file.to_string_lossy(), config);
    let pool = Pool::builder()
        .max_size(size)
        .min_idle(size)
        .max_lifetime(None)
        .idle_timeout(None)
        .connection_timeout(wait)
        .test_on_check_out(false)
        .build(manager);
    pool.await.map_err(|error| StoreError::Unavailable(error.to_string()))
}
