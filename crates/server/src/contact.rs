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

/// Tries once, within a few seconds. The error is for a database that cannot be used; one that is out of reach
/// is none.
pub async fn begin(storage: &Storage) -> Result<(), StoreError> {
    let Some(postgres) = &storage.postgres else { return Ok(()) };
    match postgres.ready().await {
        Err(error) if error.is_transient() => {
            tell(&error);
            Ok(())
        }
        done => done,
    }
}

/// Tries until contact is made, and never returns then; or until it turns out that the database cannot be used,
/// which is what it returns.
pub async fn go_on(postgres: Option<PostgresStore>) -> StoreError {
    if let Some(postgres) = postgres.filter(|postgres| !postgres.is_ready())
        && let Err(error) = wait(&postgres).await
    {
        tracing::error!(%error, "the database cannot be used as it is; events stay in the spool");
        return error;
    }
    std::future::pending().await
}

/// Contact, for a command: there is nothing to be done without.
pub async fn now(storage: &Storage) -> Result<(), StoreError> {
    match &storage.postgres {
        Some(postgres) => postgres.ready().await,
        None => Ok(()),
    }
}

/// Contact, for a command that waits for the database.
pub async fn patiently(storage: &Storage) -> Result<(), Failure> {
    if let Some(postgres) = &storage.postgres {
        wait(postgres).await?;
    }
    Ok(())
}

async fn wait(postgres: &PostgresStore) -> Result<(), StoreError> {
    let mut told = None;
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
