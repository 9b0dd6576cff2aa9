//! DELETE /api/clients/{clientId}/keys/{keyId}

use activity_domain::id::KeyId;
use activity_domain::service::{AccountError, Accounts, Limits};
use paperclip::actix::NoContent;
use paperclip::actix::web::Path;

use super::id_of;
use super::prelude::*;
use crate::auth::Authenticated;
use crate::limits;
use crate::problem::Problem;
use crate::request;

/// Takes a key away.
#[api_v2_operation(
    summary = "Revoke a key",
    description = "Admins for any client, others their own. Acts on the next request here, and within a second on other instances, for tokens made from the key as well.",
    operation_id = "revokeKey",
    tags("Clients")
)]
pub async fn revoke_key(
    caller: Authenticated,
    request: HttpRequest,
    path: Path<(String, String)>,
    accounts: Data<Accounts>,
    limits: Data<Limits>,
) -> Result<NoContent, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    let (id, key) = path.into_inner();
    let key = KeyId::parse(&key).map_err(|_| AccountError::NoSuchKey)?;
    accounts.revoke(&caller.0.within(request::id(&request)), &id_of(&id)?, &key).await?;
    Ok(NoContent)
}
