//! POST /api/token

use std::sync::Arc;

use activity_domain::port::Clock;

use super::prelude::*;
use crate::auth::ByKey;
use crate::dto::TokenResponse;
use crate::problem::Problem;
use crate::token::Tokens;

/// Exchanges a key for a token.
#[api_v2_operation(
    summary = "Get a token",
    description = "A short-lived JWT that stands in for the API key it was made from, and ends with it at the latest. Takes the key itself: a token cannot be exchanged for another.",
    operation_id = "issueToken",
    tags("Clients")
)]
pub async fn issue_token(
    caller: ByKey,
    tokens: Data<Tokens>,
    clock: Data<Arc<dyn Clock>>,
) -> Result<Json<TokenResponse>, Problem> {
    let (token, expires_at) = tokens
        .issue(&caller.0.client.id, &caller.0.key, caller.0.key_ends, clock.now())
        .ok_or_else(|| Problem::unavailable("no token could be signed", 1))?;
    Ok(Json(TokenResponse { token, expires_at: expires_at.to_string() }))
}
