//! The first contact with a database: whether this program may work on it.
//!
//! An empty one is set up. One whose schema is older or newer, or whose instances have other secrets, is left
//! alone: that is a verdict ([`StoreError::Refused`]), and everything else may pass.

use std::time::Duration;

use activity_domain::error::StoreError;
use activity_domain::service::Emails;
use tokio::time::timeout;

use crate::emails;
use crate::error::out_of_reach;
use crate::fingerprints::{self, Fingerprint};
use crate::migrations::{self, Found};
use crate::options::Server;

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(10);
/// How long to wait for a database to be set up or migrated, by this instance or another.
const SET_UP: Duration = Duration::from_mins(2);

/// Looks at a database and, if it is empty, sets it up. Many instances at once do that once.
pub(crate) async fn first(server: &Server, secrets: &[Fingerprint], kept: &Emails) -> Result<(), StoreError> {
    if within(LOOK, migrations::look(server)).await? != Found::Current {
        // As a task of its own, because a migration blocks its thread where the server falls silent.
        let server = server.clone();
        let task = tokio::spawn(async move { migrations::set_up(&server).await });
        let joined = async { task.await.unwrap_or_else(|error| Err(out_of_reach(&error))) };
        within(SET_UP, joined).await?;
    }
    within(LOOK, fingerprints::check(server, secrets)).await?;
    // What is cut off here goes on with the next attempt.
    within(SET_UP, emails::settle(server, kept)).await
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = || out_of_reach(&format_args!("no end of the first contact within {} s", limit.as_secs()));
    timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}
