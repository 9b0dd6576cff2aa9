//! `admin key`: another key for a client that has lost its own, or has none yet.

use std::sync::Arc;

use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::key::{KeyLifetime, KeyOverlap, KeyWish};
use activity_domain::service::{Access, Accounts};

use crate::Failure;
use crate::cli::KeyOptions;
use crate::config::Settings;
use crate::print;
use crate::system::OsRandomness;

/// Issues the key and shows it, this once.
pub async fn run(settings: &Settings, options: KeyOptions) -> Result<(), Failure> {
    let Some(client) = options.client else { return print(&super::place(settings)) };
    let named = |option: &'static str| move |reason: Invalid| format!("{option} {reason}");
    let id = ClientId::parse(&client).map_err(|_| format!("there is no client {client}"))?;
    let wish = KeyWish {
        lifetime: options.expires_in.map(KeyLifetime::parse).transpose().map_err(named("--expires-in"))?,
        overlap: options.overlap.map(KeyOverlap::parse).transpose().map_err(named("--overlap"))?,
    };
    let storage = super::storage(settings).await?;
    let access = Arc::new(Access::new(storage.clients.clone(), super::clock()));
    let accounts = Accounts::new(storage.clients, access, super::clock(), Arc::new(OsRandomness));
    let issued = accounts.issue(&super::operator(settings)?, &id, wish).await?;
    let until = issued.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    print(&format!("client   {id}\nkey      {}\nexpires  {until}", issued.key.reveal()))
}
