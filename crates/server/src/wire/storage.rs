//! Which store there is: the embedded one, or Postgres.

use std::path::PathBuf;
use std::sync::Arc;

use activity_adapter_postgres::{Options, PostgresStore};
use activity_adapter_sqlite::{Options as SqliteOptions, SqliteStore};
use activity_domain::port::{
    ActLog, ActivitySink, ClientRepo, LateFeed, SealedStore, SetAsideRepo, TicketRepo, Upkeep, UsageRepo,
};
use activity_domain::service::Emails;

use super::{fingerprints, sealing};
use crate::Failure;
use crate::batches::{Batches, WatchedSink};
use crate::config::{DatabaseSettings, Settings};
use crate::secrets;
use crate::system::OsRandomness;

/// The ports of storage, all of them by one store.
pub struct Storage {
    /// Clients and keys.
    pub clients: Arc<dyn ClientRepo>,
    /// Takes what the drainer brings.
    pub sink: Arc<dyn ActivitySink>,
    /// Answers about usage.
    pub usage: Arc<dyn UsageRepo>,
    /// Housekeeping.
    pub upkeep: Arc<dyn Upkeep>,
    /// What the sink could not store.
    pub set_aside: Arc<dyn SetAsideRepo>,
    /// What another encryption key has to be brought to.
    pub sealed: Arc<dyn SealedStore>,
    /// Tickets that were used.
    pub tickets: Arc<dyn TicketRepo>,
    /// What admins did.
    pub acts: Arc<dyn ActLog>,
    /// Whether the sink takes what is brought.
    pub batches: Arc<Batches>,
    /// What others change late, where there are others.
    pub late: Option<Arc<dyn LateFeed>>,
    /// The store itself where it is Postgres, which may come later than the server.
    pub postgres: Option<PostgresStore>,
}

/// Opens the store that the settings name. With Postgres that is no contact yet.
pub async fn storage(settings: &Settings) -> Result<Storage, Failure> {
    let emails = sealing::emails(&secrets::encryption(settings, &OsRandomness)?);
    if let Some(database) = &settings.database {
        let store = postgres(settings, database, emails);
        let late: Arc<dyn LateFeed> = Arc::new(store.clone());
        return Ok(Storage { late: Some(late), postgres: Some(store.clone()), ..all(&Arc::new(store)) });
    }
    let options = SqliteOptions { max_endpoints: settings.max_endpoints, emails };
    let store = SqliteStore::open_with(&database_file(settings), options).await?;
    Ok(all(&Arc::new(store)))
}

fn all<S>(store: &Arc<S>) -> Storage
where
    S: ClientRepo
        + ActivitySink
        + UsageRepo
        + Upkeep
        + SealedStore
        + SetAsideRepo
        + TicketRepo
        + ActLog
        + 'static,
{
    let batches = Arc::<Batches>::default();
    Storage {
        clients: store.clone(),
        sink: Arc::new(WatchedSink::new(store.clone(), batches.clone())),
        usage: store.clone(),
        upkeep: store.clone(),
        set_aside: store.clone(),
        sealed: store.clone(),
        tickets: store.clone(),
        acts: store.clone(),
        batches,
        late: None,
        postgres: None,
    }
}

fn postgres(settings: &Settings, database: &DatabaseSettings, emails: Emails) -> PostgresStore {
    PostgresStore::new(Options {
        replicas: database.replicas.clone(),
        secrets: fingerprints::of(settings),
        emails,
        max_endpoints: settings.max_endpoints,
        ..Options::new(database.primary.clone())
    })
}

/// Where the embedded database is.
pub fn database_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("activity.db")
}

/// Whether the embedded database has this program's schema, for those who use it beside a running server: it
/// is not theirs to migrate. Postgres is looked at on first contact.
pub fn same_schema(settings: &Settings) -> Result<(), Failure> {
    if settings.database.is_some() {
        return Ok(());
    }
    let versions = activity_adapter_sqlite::migrations::status(&database_file(settings))?;
    if versions.iter().any(|version| !version.applied) {
        return Err("the running server is of another version; use its program".into());
    }
    Ok(())
}
