//! POST /api/clients/{clientId}/keys

use activity_domain::key::{KeyLifetime, KeyOverlap, KeyWish};
use activity_domain::service::{Accounts, Limits};
use paperclip::actix::CreatedJson;
use paperclip::actix::web::Path;

use super::id_of;
use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::{KeyRequest, KeyResponse};
use crate::extract::OptionalJson;
use crate::limits;
use crate::problem::{At, Problem};
use crate::request;

/// Gives a client another key.
#[api_v2_operation(
    summary = "Issue a key",
    description = "Shown this once. Admins for any client, others for themselves. With `overlap`, older keys end after so many seconds: the way to rotate a key without a break. A client has at most 20 keys.",
    operation_id = "issueKey",
    tags("Clients")
)]
pub async fn issue_key(
    caller: Authenticated,
    request: HttpRequest,
    id: Path<String>,
    body: OptionalJson<KeyRequest>,
    accounts: Data<Accounts>,
    limits: Data<Limits>,
) -> Result<CreatedJson<KeyResponse>, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    let id = id_of(&id)?;
    let wish = parse(&body.read().await?.unwrap_or_default())?;
    let issued = accounts.issue(&caller.0.within(request::id(&request)), &id, wish).await?;
    Ok(CreatedJson(KeyResponse {
        key_id: issued.id.as_str().to_owned(),
        api_key: issued.key.reveal().to_owned(),
        expires_at: issued.expires_at.map(|at| at.to_string()),
    }))
}

fn parse(body: &KeyRequest) -> Result<KeyWish, Problem> {
    Ok(KeyWish {
        lifetime: body.expires_in.map(KeyLifetime::parse).transpose().at("#/expiresIn")?,
        overlap: body.overlap.map(KeyOverlap::parse).transpose().at("#/overlap")?,
    })
}
