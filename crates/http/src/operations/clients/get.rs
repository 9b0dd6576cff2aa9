//! GET /api/clients/{clientId}

use activity_domain::service::{Accounts, Limits};
use paperclip::actix::web::Path;

use super::id_of;
use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::ClientResponse;
use crate::limits;
use crate::problem::Problem;

/// Shows a client.
#[api_v2_operation(
    summary = "Show a client",
    description = "With its keys, but not their secrets. Admins see any client, others themselves.",
    operation_id = "client",
    tags("Clients")
)]
pub async fn client(
    caller: Authenticated,
    request: HttpRequest,
    id: Path<String>,
    accounts: Data<Accounts>,
    limits: Data<Limits>,
) -> Result<Json<ClientResponse>, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    Ok(Json(accounts.get(&caller.0, &id_of(&id)?).await?.into()))
}
