//! `admin create`: a client of any role, whatever `REGISTRATION` says.

use std::sync::Arc;

use activity_domain::client::{ClientName, Email, RateLimit, Role};
use activity_domain::error::Invalid;
use activity_domain::service::{Clients, Registration, RegistrationMode};

use crate::Failure;
use crate::cli::CreateOptions;
use crate::config::Settings;
use crate::print;
use crate::system::OsRandomness;

/// Registers the client and shows its key, this once.
pub async fn run(settings: &Settings, options: CreateOptions) -> Result<(), Failure> {
    let named = |option: &'static str| move |reason: Invalid| format!("{option} {reason}");
    let wish = Registration {
        name: ClientName::parse(&options.name).map_err(named("--name"))?,
        email: Email::parse(&options.email).map_err(named("--email"))?,
        rate_limit: options.rate_limit.map(RateLimit::parse).transpose().map_err(named("--rate-limit"))?,
        role: Some(Role::parse(&options.role).map_err(named("--role"))?),
    };
    let storage = super::storage(settings).await?;
    let clients = Clients::new(
        storage.clients,
        super::clock(),
        Arc::new(OsRandomness),
        RegistrationMode::Admin,
        settings.api_rate_limit,
    );
    let new = clients.register(wish, Some(&super::operator(settings)?)).await?;
    print(&format!("client   {}\nkey      {}\nexpires  never", new.client.id, new.key.reveal()))
}
