//! DELETE /api/clients/{clientId}

use activity_domain::service::Accounts;
use paperclip::actix::NoContent;
use paperclip::actix::web::Path;

use super::prelude::*;
use super::{id_for_admin, to_its_end};
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request;

/// Erases a client.
#[api_v2_operation(
    summary = "Erase a client",
    description = "For admins. Identity, keys and raw events go for good; counts stay under an anonymous id. What still arrives of the client is discarded. Admins cannot erase themselves.",
    operation_id = "eraseClient",
    tags("Clients")
)]
pub async fn erase_client(
    caller: Authenticated,
    request: HttpRequest,
    id: Path<String>,
    accounts: Data<Accounts>,
) -> Result<NoContent, Problem> {
    let id = id_for_admin(&caller.0, &id)?;
    let caller = caller.0.within(request::id(&request));
    to_its_end(async move { accounts.erase(&caller, &id).await }).await?;
    Ok(NoContent)
}
