//! GET /api/usage/series

use std::sync::Arc;

use activity_domain::id::ClientId;
use activity_domain::port::Clock;
use activity_domain::service::{Limits, Usage};
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{Bucket, BucketError, Buckets, GroupBy, SeriesQuery};

use super::prelude::*;
use super::range::range;
use crate::auth::Authenticated;
use crate::dto::{SeriesParams, SeriesResponse};
use crate::extract::Query;
use crate::limits;
use crate::problem::{At, Problem};

/// Usage over time.
#[api_v2_operation(
    summary = "Usage over time",
    description = "Buckets by the clock of the time zone, for one client or everybody. A client sees its own usage; services and admins see everybody's. Told apart by something, the 49 busiest series are given and the rest is one, `(other)`.",
    operation_id = "usageSeries",
    tags("Usage")
)]
pub async fn series(
    caller: Authenticated,
    request: HttpRequest,
    params: Query<SeriesParams>,
    usage: Data<Usage>,
    clock: Data<Arc<dyn Clock>>,
    limits: Data<Limits>,
) -> Result<Json<SeriesResponse>, Problem> {
    limits::read(&request, &limits, &caller.0).await?;
    let now = clock.now();
    let question = Question::parse(&params.read()?, now)?;
    let series = usage.series(&caller.0, question.query.clone()).await?;
    let span = question.query.buckets.span();
    Ok(Json(SeriesResponse {
        from: Timestamp::from(span.from).to_string(),
        to: Timestamp::from(span.to).to_string(),
        bucket: question.bucket.as_str().to_owned(),
        timezone: question.zone.name().to_owned(),
        group_by: question.query.group.as_str().to_owned(),
        generated_at: now.to_string(),
        series: series.into_iter().map(|series| (series, &question.query.buckets).into()).collect(),
    }))
}

struct Question {
    query: SeriesQuery,
    bucket: Bucket,
    zone: Zone,
}

impl Question {
    fn parse(params: &SeriesParams, now: Timestamp) -> Result<Self, Problem> {
        let zone = params.timezone.as_deref().map_or(Ok(Zone::utc()), Zone::parse).at("?timezone")?;
        let bucket = params.bucket.as_deref().map_or(Ok(Bucket::Hour), Bucket::parse).at("?bucket")?;
        let group = params.group_by.as_deref().map_or(Ok(GroupBy::None), GroupBy::parse).at("?groupBy")?;
        let client = params.client_id.as_deref().map(ClientId::parse).transpose().at("?clientId")?;
        let range = range(params.from.as_deref(), params.to.as_deref(), now)?;
        let buckets = Buckets::around(range, bucket, &zone, group, now).map_err(|error| match error {
            BucketError::Range(reason) => Problem::invalid("?from", reason.to_string()),
            BucketError::Bucket(reason) => Problem::invalid("?bucket", reason.to_string()),
        })?;
        Ok(Self { query: SeriesQuery { buckets, client, group }, bucket, zone })
    }
}
