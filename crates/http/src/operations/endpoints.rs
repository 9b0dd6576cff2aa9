//! GET /api/usage/endpoints

use std::sync::Arc;

use activity_domain::id::ClientId;
use activity_domain::port::Clock;
use activity_domain::service::{Limits, Usage};
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use activity_domain::usage::{EndpointSort, EndpointsQuery};

use super::daily::limit;
use super::prelude::*;
use super::range::range;
use crate::auth::Authenticated;
use crate::dto::{EndpointsParams, EndpointsResponse};
use crate::extract::Query;
use crate::limits;
use crate::problem::{At, Problem};

const DEFAULT_LIMIT: usize = 100;
/// The longest range. Blocks are looked up day by day, and a few milliseconds are enough for as many.
const LONGEST_DAYS: i64 = 10_000;

/// Usage by endpoint.
#[api_v2_operation(
    summary = "Usage by endpoint",
    description = "Endpoints and methods of one client or of everybody, with ids in paths as `{id}`. A client sees its own usage; services and admins see everybody's. What is beyond the number of endpoints that are counted by name is `(other)`.",
    operation_id = "usageEndpoints",
    tags("Usage")
)]
pub async fn endpoints(
    caller: Authenticated,
    request: HttpRequest,
    params: Query<EndpointsParams>,
    usage: Data<Usage>,
    clock: Data<Arc<dyn Clock>>,
    limits: Data<Limits>,
) -> Result<Json<EndpointsResponse>, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    let now = clock.now();
    let query = parse(&params.read()?, now)?;
    let span = query.span;
    let rows = usage.endpoints(&caller.0, query).await?;
    Ok(Json(EndpointsResponse {
        from: Timestamp::from(span.from).to_string(),
        to: Timestamp::from(span.to).to_string(),
        generated_at: now.to_string(),
        data: rows.into_iter().map(Into::into).collect(),
    }))
}

fn parse(params: &EndpointsParams, now: Timestamp) -> Result<EndpointsQuery, Problem> {
    let (from, to) = range(params.from.as_deref(), params.to.as_deref(), now)?;
    if to.as_micros() - from.as_micros() > LONGEST_DAYS * 86_400_000_000 {
        return Err(Problem::invalid("?from", format!("must be at most {LONGEST_DAYS} days before `to`")));
    }
    let sort = params.sort.as_deref().map_or(Ok(EndpointSort::Requests), EndpointSort::parse).at("?sort")?;
    Ok(EndpointsQuery {
        span: Span::around_hours(from, to, now),
        client: params.client_id.as_deref().map(ClientId::parse).transpose().at("?clientId")?,
        sort,
        limit: limit(params.limit, DEFAULT_LIMIT)?,
    })
}
