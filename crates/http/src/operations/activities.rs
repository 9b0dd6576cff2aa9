//! GET /api/logs

use activity_domain::activity::Method;
use activity_domain::error::Invalid;
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::service::{Limits, Usage};
use activity_domain::time::Timestamp;
use activity_domain::usage::{EndpointFilter, LogCursor, LogFilter, LogQuery, StatusFilter};
use uuid::Uuid;

use super::EventsPolicy;
use super::daily::limit;
use super::prelude::*;
use super::range::instant;
use crate::auth::Authenticated;
use crate::dto::{LogEntry, LogParams};
use crate::extract::Query;
use crate::limits;
use crate::log_page::{Form, LogAnswer};
use crate::problem::{At, Problem};

const DEFAULT_LIMIT: usize = 100;

/// Single events.
#[api_v2_operation(
    summary = "Read events back",
    description = "Newest first. A client sees its own; services and admins see everybody's. As JSON, or by Accept as NDJSON (application/x-ndjson) or CSV (text/csv). A page may be short, or even empty, and still have a next one: for one page a bounded number of events is looked at, and of audit trails there are about 4 MiB in one.",
    operation_id = "getLogs",
    tags("Events")
)]
pub async fn get_logs(
    caller: Authenticated,
    request: HttpRequest,
    params: Query<LogParams>,
    usage: Data<Usage>,
    limits: Data<Limits>,
    policy: Data<EventsPolicy>,
) -> Result<LogAnswer, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    let form = Form::wanted(request.headers());
    let mut query = parse(&params.read()?)?;
    // A table has no place for trails.
    query.with_audit &= form != Form::Csv;
    let page = usage.activities(&caller.0, query).await?;
    let next = page.next.as_ref().map(write_cursor);
    let entry = |row| LogEntry::new(row, policy.audit.reveal(row));
    let entries = page.rows.iter().map(entry).collect();
    LogAnswer::new(form, entries, next, request.uri())
}

fn parse(params: &LogParams) -> Result<LogQuery, Problem> {
    let from = instant(params.from.as_deref(), "?from")?.unwrap_or(Timestamp::EPOCH);
    let to = instant(params.to.as_deref(), "?to")?.unwrap_or(Timestamp::LATEST);
    if from >= to {
        return Err(Problem::invalid("?from", "must be before `to`"));
    }
    let filter = LogFilter {
        endpoint: params.endpoint.as_deref().map(EndpointFilter::parse).transpose().at("?endpoint")?,
        method: params.method.as_deref().map(Method::parse).transpose().at("?method")?,
        status: params.status.as_deref().map(StatusFilter::parse).transpose().at("?status")?,
    };
    Ok(LogQuery {
        from,
        to,
        client: params.client_id.as_deref().map(ClientId::parse).transpose().at("?clientId")?,
        filter,
        with_audit: params.audit.unwrap_or_default(),
        limit: limit(params.limit, DEFAULT_LIMIT)?,
        after: params.cursor.as_deref().map(read_cursor).transpose().at("?cursor")?,
    })
}

fn write_cursor(cursor: &LogCursor) -> String {
    format!("{}~{}~{}", cursor.at.as_micros(), cursor.id.0.simple(), cursor.client)
}

fn read_cursor(text: &str) -> Result<LogCursor, Invalid> {
    let unknown = || Invalid::new("must be a `nextCursor` of an earlier answer");
    let mut parts = text.splitn(3, '~');
    let mut part = || parts.next().ok_or_else(unknown);
    let at = part()?.parse().ok().and_then(|micros| Timestamp::from_micros(micros).ok());
    let id = Uuid::try_parse(part()?).ok();
    let client = ClientId::parse(part()?).ok();
    match (at, id, client) {
        (Some(at), Some(id), Some(client)) => Ok(LogCursor { at, client, id: ActivityId(id) }),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were() {
        let cursor = LogCursor {
            at: Timestamp::from_micros(1_795_472_292_123_456).unwrap(),
            client: ClientId::parse("CL-1_a.b-~".trim_end_matches('~')).unwrap(),
            id: ActivityId(Uuid::from_u128(7)),
        };
        assert_eq!(read_cursor(&write_cursor(&cursor)), Ok(cursor));
        for bad in ["", "~~", "1~2~3", "x~0~CL", "1795472292123456~00000000000000000000000000000007"] {
            assert!(read_cursor(bad).is_err(), "{bad}");
        }
    }
}
