//! `admin`: what whoever holds the data folder may do to it, also beside a running server, which hears of
//! it within a second.

mod create;
mod drain;
mod key;
mod rotate;
mod set_aside;

use std::fs::File;
use std::sync::Arc;

use activity_domain::act::{Act, Action};
use activity_domain::client::Client;
use activity_domain::id::KeyId;
use activity_domain::port::Clock;
use activity_domain::service::{Acts, Caller};
use activity_ingest::OpenError;

use crate::cli::AdminAction;
use crate::config::Settings;
use crate::system::SystemClock;
use crate::wire::{self, Storage};
use crate::{Failure, contact, print, secrets};

/// Does one of the things there are to do.
pub async fn run(settings: &Settings, action: AdminAction) -> Result<(), Failure> {
    match action {
        AdminAction::Where => print(&place(settings)),
        AdminAction::Key(options) => key::run(settings, options).await,
        AdminAction::Create(options) => create::run(settings, options).await,
        AdminAction::SetAside { action } => set_aside::run(settings, &open(settings).await?, action).await,
        AdminAction::Drain(options) => drain::run(settings, options).await,
        AdminAction::RotateEncryption => rotate::run(settings).await,
        AdminAction::AcceptSecrets => accept_secrets(settings).await,
    }
}

/// Where the first admin's key is. It is not made by asking.
fn place(settings: &Settings) -> String {
    match secrets::admin_key_file(settings) {
        None => "the first admin's key is configured, as ADMIN_API_KEY".to_owned(),
        Some(file) if file.exists() => format!("the first admin's key is in {}", file.display()),
        Some(file) => format!("the first start will put the first admin's key into {}", file.display()),
    }
}

/// Tells the database which secrets its instances have from now on.
async fn accept_secrets(settings: &Settings) -> Result<(), Failure> {
    let Some(database) = &settings.database else {
        return Err("only instances on Postgres share secrets; the embedded store has one instance".into());
    };
    let secrets = wire::fingerprints(settings);
    activity_adapter_postgres::fingerprints::accept(&database.primary, &secrets).await?;
    let names: Vec<&str> = secrets.iter().map(|secret| secret.name).collect();
    // Not before: with secrets that are not accepted there is no contact.
    let act = Act::new(Action::SecretsAccept, None).about("secrets", &names.join(", "));
    note(settings, &open(settings).await?.storage, &act).await?;
    print(&format!("accepted: {}", names.join(", ")))
}

/// The store, with or without a server on it.
struct Opened {
    storage: Storage,
    /// Held so that no server starts meanwhile.
    _claim: Option<File>,
}

/// Opens the store. Where a server has the embedded one, only if its schema is this program's. Postgres is there
/// for many at once, and nobody need hold it.
async fn open(settings: &Settings) -> Result<Opened, Failure> {
    if settings.database.is_some() {
        let storage = wire::storage(settings).await?;
        contact::now(&storage).await?;
        return Ok(Opened { storage, _claim: None });
    }
    let claim = match activity_ingest::claim(&wire::spool_folder(settings)) {
        Ok(claim) => Some(claim),
        Err(OpenError::InUse(_)) => {
            wire::same_schema(settings)?;
            None
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Opened { storage: wire::storage(settings).await?, _claim: claim })
}

/// The store, for what a server may do beside it.
async fn storage(settings: &Settings) -> Result<Storage, Failure> {
    Ok(open(settings).await?.storage)
}

/// Whoever may write into the data folder, or has the database's password, may do what an admin may.
fn operator(settings: &Settings) -> Result<Caller, Failure> {
    let client: Client = wire::root(settings, &SystemClock)?;
    Ok(Caller { client: Arc::new(client), key: KeyId::from_bits([0; 12]), key_ends: None, request: None })
}

/// Writes down what is about to be done.
async fn note(settings: &Settings, storage: &Storage, act: &Act) -> Result<(), Failure> {
    Ok(Acts::new(storage.acts.clone(), clock()).note(&operator(settings)?, act).await?)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
