//! GET /api/rate-limit, and GET and DELETE /api/clients/{clientId}/rate-limit

use std::sync::Arc;

use activity_domain::act::{Act, Action};
use activity_domain::client::{Client, Role};
use activity_domain::id::ClientId;
use activity_domain::port::Clock;
use activity_domain::service::{Access, Acts, Caller, Limits};
use paperclip::actix::NoContent;
use paperclip::actix::web::Path;

use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::RateLimitResponse;
use crate::limits;
use crate::problem::Problem;
use crate::request;

/// Where the caller's own quotas stand.
#[api_v2_operation(
    summary = "Own rate limit",
    description = "What is left of the caller's quotas for events: `rateLimit` at the top and first among the policies, other limits behind it. Asking does not spend them. Services and admins are not limited: their answer has no policies.",
    operation_id = "rateLimit",
    tags("Limits")
)]
pub async fn rate_limit(
    caller: Authenticated,
    request: HttpRequest,
    limits: Data<Limits>,
    clock: Data<Arc<dyn Clock>>,
) -> Result<Json<RateLimitResponse>, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    answer(&caller.0.client, &limits, clock.as_ref().as_ref()).await
}

/// Where a client's quotas stand.
#[api_v2_operation(
    summary = "A client's rate limit",
    description = "For admins.",
    operation_id = "clientRateLimit",
    tags("Limits")
)]
pub async fn client_rate_limit(
    caller: Authenticated,
    id: Path<String>,
    access: Data<Access>,
    limits: Data<Limits>,
    clock: Data<Arc<dyn Clock>>,
) -> Result<Json<RateLimitResponse>, Problem> {
    let client = find(&caller.0, &id, &access).await?;
    answer(&client, &limits, clock.as_ref().as_ref()).await
}

/// Forgets what a client has spent.
#[api_v2_operation(
    summary = "Reset a client's rate limit",
    description = "For admins. The client has all its limits for events whole again.",
    operation_id = "resetRateLimit",
    tags("Limits")
)]
pub async fn reset_rate_limit(
    caller: Authenticated,
    request: HttpRequest,
    id: Path<String>,
    access: Data<Access>,
    limits: Data<Limits>,
    acts: Data<Acts>,
) -> Result<NoContent, Problem> {
    let client = find(&caller.0, &id, &access).await?;
    let act = Act::new(Action::RateLimitReset, Some(client.id.clone()));
    acts.note(&caller.0.within(request::id(&request)), &act).await?;
    if limits.reset(&client).await { Ok(NoContent) } else { Err(unknown()) }
}

/// A wrong role is refused before any look-up, so that it tells nothing about who exists.
async fn find(caller: &Caller, id: &str, access: &Access) -> Result<Arc<Client>, Problem> {
    if caller.role() != Role::Admin {
        return Err(Problem::forbidden("this needs the role admin"));
    }
    let missing = || Problem::not_found("there is no such client");
    let id = ClientId::parse(id).map_err(|_| missing())?;
    // The admin who is configured is not in the store.
    if let Some(root) = access.root(&id) {
        return Ok(Arc::new(root.client));
    }
    access.client(&id).await?.ok_or_else(missing)
}

fn unknown() -> Problem {
    Problem::unavailable("the limiter cannot tell at present", 1)
}

async fn answer(
    client: &Client,
    limits: &Limits,
    clock: &dyn Clock,
) -> Result<Json<RateLimitResponse>, Problem> {
    let states = limits.state(client).await.ok_or_else(unknown)?;
    let (default, others) = states.split_first().ok_or_else(unknown)?;
    Ok(Json(RateLimitResponse::new(client, default, others, clock.now())))
}
