//! GET /api/usage/daily

use std::sync::Arc;

use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::port::Clock;
use activity_domain::service::{Limits, Usage};
use activity_domain::time::{Date, Timestamp, Zone};
use activity_domain::usage::{DailyCursor, DailyQuery, Days, MAX_PAGE};

use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::{DailyParams, DailyResponse};
use crate::extract::Query;
use crate::limits;
use crate::problem::{At, Problem};

const DEFAULT_DAYS: i64 = 7;

/// Usage by day and client.
#[api_v2_operation(
    summary = "Usage by day",
    description = "A client sees its own usage; services and admins see everybody's. Days are those of the time zone.",
    operation_id = "dailyUsage",
    tags("Usage")
)]
pub async fn daily(
    caller: Authenticated,
    request: HttpRequest,
    params: Query<DailyParams>,
    usage: Data<Usage>,
    clock: Data<Arc<dyn Clock>>,
    limits: Data<Limits>,
) -> Result<Json<DailyResponse>, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    let now = clock.now();
    let query = parse(&params.read()?, now)?;
    let page = usage.daily(&caller.0, query.clone()).await?;
    Ok(Json(DailyResponse {
        from: query.days.from().to_string(),
        to: query.days.to().to_string(),
        timezone: query.zone.name().to_owned(),
        generated_at: now.to_string(),
        next_cursor: page.next.as_ref().map(write_cursor),
        data: page.rows.into_iter().map(Into::into).collect(),
    }))
}

fn parse(params: &DailyParams, now: Timestamp) -> Result<DailyQuery, Problem> {
    let zone = params.timezone.as_deref().map_or(Ok(Zone::utc()), Zone::parse).at("?timezone")?;
    Ok(DailyQuery {
        days: days(params, &zone, now)?,
        zone,
        client: params.client_id.as_deref().map(ClientId::parse).transpose().at("?clientId")?,
        limit: limit(params.limit, MAX_PAGE)?,
        after: params.cursor.as_deref().map(read_cursor).transpose().at("?cursor")?,
    })
}

fn days(params: &DailyParams, zone: &Zone, now: Timestamp) -> Result<Days, Problem> {
    let date = |text: &Option<String>, pointer| text.as_deref().map(parse_date).transpose().at(pointer);
    let (from, to) = (date(&params.from, "?from")?, date(&params.to, "?to")?);
    match (params.days, from, to) {
        (count, None, None) => Days::last(count.unwrap_or(DEFAULT_DAYS), zone, now).at("?days"),
        (None, Some(from), to) => Days::between(from, to.unwrap_or(zone.date_of(now))).at("?from"),
        (None, None, Some(_)) => Err(Problem::invalid("?to", "needs `from` beside it")),
        (Some(_), _, _) => Err(Problem::invalid("?days", "cannot be given together with `from` and `to`")),
    }
}

fn parse_date(text: &str) -> Result<Date, Invalid> {
    let is_plain = text.len() == 10;
    let date = text.parse().ok().filter(|_| is_plain);
    date.ok_or_else(|| Invalid::new("must be a date, such as 2026-01-31"))
}

/// A page's length, capped and never nothing.
pub(super) fn limit(wanted: Option<i64>, default: usize) -> Result<usize, Problem> {
    let Some(wanted) = wanted else { return Ok(default) };
    let limit = usize::try_from(wanted).ok().filter(|n| (1..=MAX_PAGE).contains(n));
    limit.ok_or_else(|| Problem::invalid("?limit", format!("must be between 1 and {MAX_PAGE}")))
}

fn write_cursor(cursor: &DailyCursor) -> String {
    format!("{}~{}~{}", cursor.date, cursor.requests, cursor.client)
}

fn read_cursor(text: &str) -> Result<DailyCursor, Invalid> {
    let unknown = || Invalid::new("must be a `nextCursor` of an earlier answer");
    let mut parts = text.splitn(3, '~');
    let mut part = || parts.next().ok_or_else(unknown);
    Ok(DailyCursor {
        date: parse_date(part()?).map_err(|_| unknown())?,
        requests: part()?.parse().map_err(|_| unknown())?,
        client: ClientId::parse(part()?).map_err(|_| unknown())?,
    })
}
