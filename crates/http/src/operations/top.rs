//! GET /api/usage/top

use std::sync::Arc;

use activity_domain::client::Role;
use activity_domain::port::Clock;
use activity_domain::service::{Limits, Usage, UsageError};
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use activity_domain::usage::TopQuery;

use super::daily::limit;
use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::{TopClient, TopParams, TopResponse};
use crate::extract::Query;
use crate::limits;
use crate::problem::{At, Problem};

const DEFAULT_HOURS: i64 = 24;
/// A leap year.
const MAX_HOURS: i64 = 366 * 24;
const DEFAULT_LIMIT: usize = 3;

/// The busiest clients.
#[api_v2_operation(
    summary = "Top clients",
    description = "The clients with the most requests in a range of time; for services and admins.",
    operation_id = "topClients",
    tags("Usage")
)]
pub async fn top(
    caller: Authenticated,
    request: HttpRequest,
    params: Query<TopParams>,
    usage: Data<Usage>,
    clock: Data<Arc<dyn Clock>>,
    limits: Data<Limits>,
) -> Result<Json<TopResponse>, Problem> {
    if caller.0.role() == Role::Client {
        return Err(UsageError::Forbidden.into());
    }
    limits::read(&request, &limits, &caller.0).await?;
    let (params, now) = (params.read()?, clock.now());
    let query = TopQuery { span: span(&params, now)?, limit: limit(params.limit, DEFAULT_LIMIT)? };
    let rows = usage.top(&caller.0, &query).await?;
    Ok(Json(TopResponse {
        from: Timestamp::from(query.span.from).to_string(),
        to: Timestamp::from(query.span.to).to_string(),
        generated_at: now.to_string(),
        data: rows.iter().enumerate().map(|(index, row)| TopClient::new(index, row)).collect(),
    }))
}

fn span(params: &TopParams, now: Timestamp) -> Result<Span, Problem> {
    let instant =
        |text: &Option<String>, pointer| text.as_deref().map(Timestamp::parse).transpose().at(pointer);
    let (from, to) = (instant(&params.from, "?from")?, instant(&params.to, "?to")?);
    match (params.hours, from, to) {
        (hours, None, None) => {
            let hours = hours.unwrap_or(DEFAULT_HOURS);
            if !(1..=MAX_HOURS).contains(&hours) {
                return Err(Problem::invalid("?hours", format!("must be between 1 and {MAX_HOURS}")));
            }
            let end = Timestamp::from(now.minute()).plus_seconds(60);
            Ok(Span::around(end.plus_seconds(-3_600 * hours), end, now))
        }
        (None, Some(from), to) => {
            let to = to.unwrap_or(now);
            if from >= to {
                return Err(Problem::invalid("?from", "must be before `to`"));
            }
            Ok(Span::around(from, to, now))
        }
        (None, None, Some(_)) => Err(Problem::invalid("?to", "needs `from` beside it")),
        (Some(_), _, _) => Err(Problem::invalid("?hours", "cannot be given together with `from` and `to`")),
    }
}
