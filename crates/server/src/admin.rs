//! `admin`: what the owner of the data does beside the running server, or without one.

mod drain;
mod set_aside;

use std::fs::File;

use activity_adapter_sqlite::migrations;
use activity_ingest::OpenError;

use crate::Failure;
use crate::cli::AdminAction;
use crate::config::Settings;
use crate::wire::{self, Storage};

/// Does it.
pub async fn run(settings: &Settings, action: AdminAction) -> Result<(), Failure> {
    match action {
        AdminAction::SetAside { action } => set_aside::run(&open(settings).await?, action).await,
        AdminAction::Drain(options) => drain::run(settings, options).await,
    }
}

/// The store, with or without a server on it.
struct Opened {
    storage: Storage,
    /// Held so that no server starts meanwhile.
    _claim: Option<File>,
}

/// Opens the store. The database of a running server is not ours to migrate, so its schema has to be
/// this program's.
async fn open(settings: &Settings) -> Result<Opened, Failure> {
    let claim = match activity_ingest::claim(&wire::spool_folder(settings)) {
        Ok(claim) => Some(claim),
        Err(OpenError::InUse(_)) => {
            let versions = migrations::status(&wire::database_file(settings))?;
            if versions.iter().any(|version| !version.applied) {
                return Err("the running server is of another version; use its program".into());
            }
            None
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Opened { storage: wire::storage(settings).await?, _claim: claim })
}
