//! Answers about usage, from blocks and deltas of one snapshot.

use std::collections::HashMap;

use activity_domain::client::ClientName;
use activity_domain::error::StoreError;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::rollup::{ClientNo, Summary};
use activity_domain::span::{Run, Span};
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::{last_seen, minutes};
use crate::error::{Failure, corrupt};
use crate::pending::{deltas, profiles};
use crate::schema::{client, client_number};
use crate::statement::statement;
use crate::store::PostgresStore;
use crate::{daily, endpoints, log, numbers, series};

#[async_trait]
impl UsageRepo for PostgresStore {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        let query = query.clone();
        self.read(read, move |c| Box::pin(async move { daily::page(c, &query).await })).await
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        let query = query.clone();
        self.read(read, move |c| Box::pin(async move { top(c, &query).await })).await
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        let (query, max) = (query.clone(), self.max_endpoints());
        self.read(read, move |c| Box::pin(async move { series::series(c, &query, max).await })).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        let (query, max) = (query.clone(), self.max_endpoints());
        self.read(read, move |c| Box::pin(async move { endpoints::endpoints(c, &query, max).await })).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        let query = query.clone();
        self.read(read, move |c| Box::pin(async move { log::page(c, &query).await })).await
    }
}

pub(crate) type Summaries = HashMap<ClientNo, Summary>;

async fn top(c: &mut AsyncPgConnection, query: &TopQuery) -> Result<Vec<TopRow>, Failure> {
    let leaders = leaders(totals(c, query.span).await?, query.limit);
    let ids = numbers::ids(c, leaders.iter().map(|(no, _)| *no)).await?;
    let rows = leaders.into_iter().filter_map(|(no, summary)| {
        let client = ids.get(&no)?.clone();
        // Clients that are not registered have no other name.
        let name = ClientName::parse(client.as_str()).ok()?;
        Some(TopRow { client, name, summary })
    });
    let mut ranked = TopRow::rank(rows.collect(), query.limit);
    let listed: Vec<&str> = ranked.iter().map(|row| row.client.as_str()).collect();
    let clients = client::table.inner_join(client_number::table).filter(client_number::id.eq_any(&listed));
    let names: Vec<(String, String)> = clients.select((client_number::id, client::name)).load(c).await?;
    let names: HashMap<String, String> = names.into_iter().collect();
    for row in &mut ranked {
        if let Some(name) = names.get(row.client.as_str()) {
            row.name =
                ClientName::parse(name).map_err(|error| corrupt("client", "name", &row.client, &error))?;
        }
    }
    Ok(ranked)
}

statement! {
    /// What each client did in a run.
    Totals { minutes: i32 => Integer, from: i64 => BigInt, to: i64 => BigInt }
    -> (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt) =
        "SELECT client, sum(requests)::bigint, sum(errors)::bigint, sum(timed)::bigint, \
             sum(micros)::bigint, max(last_seen) \
         FROM usage_block WHERE minutes = $1 AND start >= $2 AND start < $3 AND client > 0 GROUP BY client"
}

/// What each client did in a span, without percentiles.
pub(crate) async fn totals(c: &mut AsyncPgConnection, span: Span) -> Result<Summaries, Failure> {
    let mut totals = Summaries::new();
    let mut add = |client, summary: Summary| {
        let total = totals.entry(client).or_default();
        *total = total.plus(&summary);
    };
    for run in span.runs() {
        for (client, summary) in sums(c, run).await? {
            add(client, summary);
        }
    }
    for (_, client, profile) in profiles(&deltas(c, span).await?, span, None) {
        add(client, profile.numbers());
    }
    Ok(totals)
}

async fn sums(c: &mut AsyncPgConnection, run: Run) -> Result<Vec<(ClientNo, Summary)>, Failure> {
    let (from, to) = (run.span.from.0, run.span.to.0);
    let rows: Vec<[i64; 6]> = Totals { minutes: minutes(run.level), from, to }
        .load::<(i64, i64, i64, i64, i64, i64)>(c)
        .await?
        .into_iter()
        .map(|(client, requests, errors, timed, micros, last)| {
            [client, requests, errors, timed, micros, last]
        })
        .collect();
    let sum = |[client, requests, errors, timed, micros, last]: [i64; 6]| {
        let last_seen = Some(last_seen(client, from, last)?);
        let [requests, errors, timed, micros] = [requests, errors, timed, micros].map(i64::cast_unsigned);
        let summary = Summary { requests, errors, timed, micros, last_seen, quantiles: None };
        Ok((ClientNo(client.cast_unsigned()), summary))
    };
    rows.into_iter().map(sum).collect()
}

/// The clients that may be among the first so many: all that have as many requests as the last of those, for
/// ids decide between equals.
pub(crate) fn leaders(totals: Summaries, limit: usize) -> Vec<(ClientNo, Summary)> {
    let mut requests: Vec<u64> = totals.values().map(|total| total.requests).collect();
    let least = match limit.checked_sub(1).filter(|last| *last < requests.len()) {
        Some(last) => *requests.select_nth_unstable_by(last, |a, b| b.cmp(a)).1,
        None => 0,
    };
    totals.into_iter().filter(|(_, total)| total.requests >= least).collect()
}
