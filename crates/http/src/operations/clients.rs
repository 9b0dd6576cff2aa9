//! Clients and keys, managed: what /api/clients has.

mod change;
mod erase;
mod get;
mod issue_key;
mod list;
mod revoke_key;

use activity_domain::client::Role;
use activity_domain::id::ClientId;
use activity_domain::service::{AccountError, Caller};

pub use change::change_client;
pub use erase::erase_client;
pub use get::client;
pub use issue_key::issue_key;
pub use list::list_clients;
pub use revoke_key::revoke_key;

use super::prelude;
use crate::problem::Problem;

/// Does a change to its end in a task of its own, since a request may be given up while it waits: that callers
/// and answers are forgotten comes after the change in the store, and must not be left out.
async fn to_its_end<T: 'static>(
    change: impl Future<Output = Result<T, AccountError>> + 'static,
) -> Result<T, Problem> {
    match actix_web::rt::spawn(change).await {
        Ok(changed) => Ok(changed?),
        Err(_) => Err(Problem::unavailable("the server is overloaded", 1)),
    }
}

/// The client that a path names. No client has an id of another form.
fn id_of(text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).map_err(|_| AccountError::NoSuchClient.into())
}

/// The same for what only admins may do: others are told that, whatever the id.
fn id_for_admin(caller: &Caller, text: &str) -> Result<ClientId, Problem> {
    admin(caller)?;
    id_of(text)
}

fn admin(caller: &Caller) -> Result<(), Problem> {
    if caller.role() == Role::Admin { Ok(()) } else { Err(AccountError::Forbidden.into()) }
}
