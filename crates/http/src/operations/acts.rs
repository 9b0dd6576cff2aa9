//! GET /api/audit

use activity_domain::act::{ActQuery, Action};
use activity_domain::client::Role;
use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::service::{AccountError, Acts};
use activity_domain::time::Timestamp;

use super::daily::limit;
use super::prelude::*;
use super::range::instant;
use crate::auth::Authenticated;
use crate::dto::{ActListResponse, ActParams};
use crate::extract::Query;
use crate::problem::{At, Problem};

const DEFAULT_LIMIT: usize = 100;

/// What admins did.
#[api_v2_operation(
    summary = "Audit log",
    description = "For admins. What admins did, by this API or the command line: to clients and keys, and to limits, the cache and what was set aside. Newest first. Kept for two years and never changed; no entry holds a name, an email or a secret.",
    operation_id = "auditLog",
    tags("Audit")
)]
pub async fn audit_log(
    caller: Authenticated,
    params: Query<ActParams>,
    acts: Data<Acts>,
) -> Result<Json<ActListResponse>, Problem> {
    if caller.0.role() != Role::Admin {
        return Err(AccountError::Forbidden.into());
    }
    let mut query = parse(&params.read()?)?;
    let limit = query.limit;
    // One more than asked for tells whether there are more.
    query.limit += 1;
    let mut found = acts.list(&caller.0, &query).await?;
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| !is_last).map(|entry| entry.no.to_string());
    Ok(Json(ActListResponse { data: found.into_iter().map(Into::into).collect(), next_cursor }))
}

fn parse(params: &ActParams) -> Result<ActQuery, Problem> {
    let from = instant(params.from.as_deref(), "?from")?.unwrap_or(Timestamp::EPOCH);
    let to = instant(params.to.as_deref(), "?to")?.unwrap_or(Timestamp::LATEST);
    if from >= to {
        return Err(Problem::invalid("?from", "must be before `to`"));
    }
    let id = |text: &Option<String>| text.as_deref().map(ClientId::parse).transpose();
    Ok(ActQuery {
        from,
        to,
        actor: id(&params.actor).at("?actor")?,
        target: id(&params.target).at("?target")?,
        action: params.action.as_deref().map(Action::parse).transpose().at("?action")?,
        before: params.cursor.as_deref().map(cursor).transpose().at("?cursor")?,
        limit: limit(params.limit, DEFAULT_LIMIT)?,
    })
}

fn cursor(text: &str) -> Result<u64, Invalid> {
    text.parse().map_err(|_| Invalid::new("must be a `nextCursor` of an earlier answer"))
}
