//! The first contact with a database that may be out of reach.
//!
//! A server does not wait for it: it takes events into its spool, and goes on when the database comes. But a
//! database that this program may not work on ends it, whenever that is found out.

use std::time::Duration;

use activity_adapter_postgres::PostgresStore;
use activity_domain::error::StoreError;

use crate::Failure;
use crate::wire::Storage;

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// A contact that is still to be made.
pub struct Pending {
    postgres: PostgresStore,
    /// Why it was not made yet, as far as it was told.
    told: Option<StoreError>,
}

/// Tries once, within a few seconds. The error is for a database that cannot be used; one that is out of reach is
/// tried again.
pub async fn begin(storage: &Storage) -> Result<Option<Pending>, StoreError> {
    let Some(postgres) = &storage.postgres else { return Ok(None) };
    match postgres.ready().await {
        Ok(()) => Ok(None),
        Err(error) if error.is_transient() => {
            tell(&error);
            Ok(Some(Pending { postgres: postgres.clone(), told: Some(error) }))
        }
        Err(error) => Err(error),
    }
}

/// Tries until contact is made, and never returns then; or until it turns out that the database cannot be used,
/// which is what it returns.
pub async fn go_on(pending: Option<Pending>) -> StoreError {
    if let Some(pending) = pending
        && let Err(error) = wait(pending).await
    {
        tracing::error!(%error, "the database cannot be used as it is; events stay in the spool");
        return error;
    }
    std::future::pending().await
}

/// Contact, for a command: there is nothing to be done without.
pub async fn now(storage: &Storage) -> Result<(), StoreError> {
    let Some(postgres) = &storage.postgres else { return Ok(()) };
    match postgres.ready().await {
        // A database that is being set up may take longer than one waits. That nobody is there is known at once.
        Err(error) if error.is_transient() => postgres.ready().await,
        done => done,
    }
}

/// Contact, for a command that waits for the database.
pub async fn patiently(storage: &Storage) -> Result<(), Failure> {
    if let Some(pending) = begin(storage).await? {
        wait(pending).await?;
    }
    Ok(())
}

async fn wait(Pending { postgres, mut told }: Pending) -> Result<(), StoreError> {
    loop {
        match postgres.ready().await {
            Ok(()) => {
                tracing::info!("the database is reached");
                return Ok(());
            }
            Err(error) if error.is_transient() => {
                // Each reason once, and not once a second.
                if told.as_ref() != Some(&error) {
                    tell(&error);
                    told = Some(error);
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn tell(error: &StoreError) {
    tracing::warn!(%error, "the database is not reached yet; events wait in the spool, and it is tried again");
}
