//! GET /api/clients

use activity_domain::id::ClientId;
use activity_domain::service::Accounts;

use super::admin;
use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::{ClientListParams, ClientListResponse};
use crate::extract::Query;
use crate::operations::daily::limit;
use crate::problem::{At, Problem};

const DEFAULT_LIMIT: usize = 100;

/// Lists clients.
#[api_v2_operation(
    summary = "List clients",
    description = "For admins. All clients with their keys, in the order of their ids.",
    operation_id = "listClients",
    tags("Clients")
)]
pub async fn list_clients(
    caller: Authenticated,
    params: Query<ClientListParams>,
    accounts: Data<Accounts>,
) -> Result<Json<ClientListResponse>, Problem> {
    admin(&caller.0)?;
    let params = params.read()?;
    let limit = limit(params.limit, DEFAULT_LIMIT)?;
    let after = params.cursor.as_deref().map(ClientId::parse).transpose().at("?cursor")?;
    // One more than asked for tells whether there are more.
    let mut found = accounts.list(&caller.0, after.as_ref(), limit + 1).await?;
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let last = found.last().map(|account| account.client.id.to_string());
    let next_cursor = last.filter(|_| !is_last);
    Ok(Json(ClientListResponse { data: found.into_iter().map(Into::into).collect(), next_cursor }))
}
