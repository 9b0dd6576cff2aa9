//! POST /api/register

use std::sync::Arc;

use activity_domain::client::{ClientName, Email, RateLimit, Role};
use activity_domain::port::Clock;
use activity_domain::service::{Clients, Limits, RegisterError, Registration, Spent};
use paperclip::actix::CreatedJson;

use super::prelude::*;
use crate::auth::MaybeAuthenticated;
use crate::dto::{RegisterRequest, RegisterResponse};
use crate::extract::JsonBody;
use crate::limits::{noted, refund};
use crate::peer;
use crate::problem::{At, Problem};
use crate::request::id;
use crate::token::Tokens;

/// Registers a client and shows its key, once.
#[api_v2_operation(
    summary = "Register a client",
    description = "Open to everybody or to admins, as the server is set up (REGISTRATION). The API key is shown this once. Limited per network where it is open.",
    operation_id = "register",
    tags("Clients")
)]
pub async fn register(
    caller: MaybeAuthenticated,
    body: JsonBody<RegisterRequest>,
    request: HttpRequest,
    clients: Data<Clients>,
    tokens: Data<Tokens>,
    clock: Data<Arc<dyn Clock>>,
    limits: Data<Limits>,
) -> Result<CreatedJson<RegisterResponse>, Problem> {
    let caller = caller.0.map(|caller| caller.within(id(&request)));
    let caller = caller.as_ref();
    clients.admits(caller)?;
    let wish = parse(&body.read().await?)?;
    let is_admin = caller.is_some_and(|caller| caller.role() == Role::Admin);
    let spent = if is_admin {
        Spent::default()
    } else {
        noted(&request, limits.register(peer::address(&request)).await)?
    };
    let new = match clients.register(wish, caller).await {
        Err(error @ RegisterError::Store(_)) => {
            refund(&request, &limits, spent).await;
            return Err(error.into());
        }
        answer => answer?,
    };
    let (token, _) = tokens
        .issue(&new.client.id, &new.key_id, None, clock.now())
        .ok_or_else(|| Problem::unavailable("no token could be signed", 1))?;
    Ok(CreatedJson(RegisterResponse {
        client_id: new.client.id.to_string(),
        name: new.client.name.as_str().to_owned(),
        email: new.client.email.map(|email| email.as_str().to_owned()).unwrap_or_default(),
        api_key: new.key.reveal().to_owned(),
        token,
        rate_limit: new.client.rate_limit.get(),
        created_at: new.client.created_at.to_string(),
    }))
}

fn parse(body: &RegisterRequest) -> Result<Registration, Problem> {
    Ok(Registration {
        name: ClientName::parse(&body.name).at("#/name")?,
        email: Email::parse(&body.email).at("#/email")?,
        rate_limit: body.rate_limit.map(RateLimit::parse).transpose().at("#/rateLimit")?,
        role: body.role.as_deref().map(Role::parse).transpose().at("#/role")?,
    })
}
