//! PATCH /api/clients/{clientId}

use activity_domain::client::{ClientChange, ClientName, Email, RateLimit, Role};
use activity_domain::service::Accounts;
use paperclip::actix::web::Path;

use super::prelude::*;
use super::{id_for_admin, to_its_end};
use crate::auth::Authenticated;
use crate::dto::{ClientLimitDto, ClientPatch, ClientResponse};
use crate::extract::JsonBody;
use crate::problem::{At, Problem};
use crate::request;

/// Changes a client.
#[api_v2_operation(
    summary = "Change a client",
    description = "For admins. Acts on the client's next request here, and within a second on other instances, for its tokens as well. Admins cannot deactivate or demote themselves.",
    operation_id = "changeClient",
    tags("Clients")
)]
pub async fn change_client(
    caller: Authenticated,
    request: HttpRequest,
    id: Path<String>,
    body: JsonBody<ClientPatch>,
    accounts: Data<Accounts>,
) -> Result<Json<ClientResponse>, Problem> {
    let id = id_for_admin(&caller.0, &id)?;
    let change = parse(&body.read().await?)?;
    let caller = caller.0.within(request::id(&request));
    let changed = to_its_end(async move { accounts.change(&caller, &id, &change).await }).await?;
    Ok(Json(changed.into()))
}

fn parse(body: &ClientPatch) -> Result<ClientChange, Problem> {
    let change = ClientChange {
        name: body.name.as_deref().map(ClientName::parse).transpose().at("#/name")?,
        email: body.email.as_deref().map(Email::parse).transpose().at("#/email")?,
        rate_limit: body.rate_limit.map(RateLimit::parse).transpose().at("#/rateLimit")?,
        limits: body.limits.as_deref().map(ClientLimitDto::parse_all).transpose()?,
        role: body.role.as_deref().map(Role::parse).transpose().at("#/role")?,
        is_active: body.is_active,
    };
    if change.is_empty() {
        return Err(Problem::invalid_fields(
            "there is nothing to change: give at least one field",
            Vec::new(),
        ));
    }
    Ok(change)
}
