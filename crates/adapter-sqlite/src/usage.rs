//! Answers about usage, from blocks and deltas of one snapshot.

use std::collections::HashMap;

use activity_domain::client::ClientName;
use activity_domain::error::StoreError;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::rollup::{ClientNo, Delta, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Run, Span};
use activity_domain::time::Timestamp;
use activity_domain::usage::{DailyPage, DailyQuery, TopQuery, TopRow};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::numbers;
use crate::schema::{client, client_number, usage_block, usage_delta};
use crate::store::SqliteStore;

#[async_trait]
impl UsageRepo for SqliteStore {
    async fn daily(&self, query: &DailyQuery, _: Read) -> Result<DailyPage, StoreError> {
        let query = query.clone();
        self.read(move |c| daily(c, &query)).await
    }

    async fn top(&self, query: &TopQuery, _: Read) -> Result<Vec<TopRow>, StoreError> {
        let query = query.clone();
        self.read(move |c| top(c, &query)).await
    }
}

type Tallies = HashMap<ClientNo, Tally>;

fn daily(c: &mut SqliteConnection, query: &DailyQuery) -> Result<DailyPage, Failure> {
    let only = match &query.client {
        None => None,
        Some(id) => match numbers::find(c, id)? {
            Some(no) => Some(no),
            None => return Ok(DailyPage::default()),
        },
    };
    let newest = query.after.as_ref().map_or(query.days.to(), |after| after.date.min(query.days.to()));
    let whole = Span { from: query.zone.day(query.days.from()).from, to: query.zone.day(newest).to };
    let deltas = deltas(c, whole)?;
    let mut page = DailyPage::default();
    for date in query.days.newest_first(Some(newest)) {
        let span = query.zone.day(date);
        let mut tallies = Tallies::new();
        for run in span.runs() {
            add_blocks(c, run, only, &mut tallies)?;
        }
        add_deltas(&deltas, span, only, &mut tallies);
        let ids = numbers::ids(c, tallies.keys().copied())?;
        let named = tallies.into_iter().filter_map(|(no, tally)| Some((ids.get(&no)?.clone(), tally)));
        if page.push_day(query, date, named.collect()) {
            break;
        }
    }
    Ok(page)
}

fn add_blocks(
    c: &mut SqliteConnection,
    run: Run,
    only: Option<ClientNo>,
    tallies: &mut Tallies,
) -> Result<(), Failure> {
    let blocks = usage_block::table
        .filter(usage_block::minutes.eq(run.level.minutes()))
        .filter(usage_block::start.ge(run.span.from.0))
        .filter(usage_block::start.lt(run.span.to.0))
        .select(BlockRow::as_select());
    let rows = match only {
        Some(no) => blocks.filter(usage_block::client.eq(no.0.cast_signed())).load(c)?,
        None => blocks.load(c)?,
    };
    for row in rows {
        let no = ClientNo(row.client.cast_unsigned());
        tallies.entry(no).or_default().merge(&row.try_into()?);
    }
    Ok(())
}

/// The deltas that touch a span; few, for the compactor is seconds behind at most.
fn deltas(c: &mut SqliteConnection, span: Span) -> Result<Vec<Delta>, Failure> {
    let rows: Vec<(i64, Vec<u8>)> = usage_delta::table
        .filter(usage_delta::last_minute.ge(span.from.0))
        .filter(usage_delta::first_minute.lt(span.to.0))
        .select((usage_delta::seq, usage_delta::increments))
        .load(c)?;
    rows.iter()
        .map(|(seq, bytes)| {
            Delta::decode(bytes).map_err(|error| corrupt("usage_delta", "increments", seq, &error).into())
        })
        .collect()
}

fn add_deltas(deltas: &[Delta], span: Span, only: Option<ClientNo>, tallies: &mut Tallies) {
    let range = (span.from, ClientNo(0))..(span.to, ClientNo(0));
    for ((_, client), tally) in deltas.iter().flat_map(|delta| delta.entries.range(range.clone())) {
        if only.is_none_or(|no| no == *client) {
            tallies.entry(*client).or_default().merge(tally);
        }
    }
}

fn top(c: &mut SqliteConnection, query: &TopQuery) -> Result<Vec<TopRow>, Failure> {
    let mut tallies = Tallies::new();
    for run in query.span.runs() {
        for row in totals(c, run)? {
            tallies.entry(ClientNo(row.client.cast_unsigned())).or_default().merge(&row.try_into()?);
        }
    }
    add_deltas(&deltas(c, query.span)?, query.span, None, &mut tallies);
    let ids = numbers::ids(c, tallies.keys().copied())?;
    let rows = tallies.into_iter().filter_map(|(no, mut tally)| {
        // Minutes have no sketch, so a span's would be a part of the truth only.
        tally.sketch = Sketch::default();
        let client = ids.get(&no)?.clone();
        // Clients that are not registered have no other name.
        let name = ClientName::parse(client.as_str()).ok()?;
        Some(TopRow { client, name, tally })
    });
    let mut ranked = TopRow::rank(rows.collect(), query.limit);
    for row in &mut ranked {
        let named = client::table.inner_join(client_number::table);
        let named = named.filter(client_number::id.eq(row.client.as_str())).select(client::name);
        if let Some(name) = named.first::<String>(c).optional()? {
            row.name =
                ClientName::parse(&name).map_err(|error| corrupt("client", "name", &row.client, &error))?;
        }
    }
    Ok(ranked)
}

/// A run's sums by client, added up by SQLite.
fn totals(c: &mut SqliteConnection, run: Run) -> QueryResult<Vec<BlockRow>> {
    diesel::sql_query(
        "SELECT client, sum(requests) AS requests, sum(errors) AS errors, sum(timed) AS timed, \
                sum(micros) AS micros, max(last_seen) AS last_seen, NULL AS sketch \
         FROM usage_block WHERE minutes = ? AND start >= ? AND start < ? GROUP BY client",
    )
    .bind::<diesel::sql_types::BigInt, _>(run.level.minutes())
    .bind::<diesel::sql_types::BigInt, _>(run.span.from.0)
    .bind::<diesel::sql_types::BigInt, _>(run.span.to.0)
    .load(c)
}

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = usage_block)]
struct BlockRow {
    client: i64,
    requests: i64,
    errors: i64,
    timed: i64,
    micros: i64,
    last_seen: i64,
    sketch: Option<Vec<u8>>,
}

impl TryFrom<BlockRow> for Tally {
    type Error = StoreError;

    fn try_from(row: BlockRow) -> Result<Self, StoreError> {
        let bad =
            |column, error| corrupt("usage_block", column, &format_args!("client {}", row.client), &error);
        let sketch = row.sketch.as_deref().map(Sketch::decode).transpose();
        Ok(Self {
            requests: row.requests.cast_unsigned(),
            errors: row.errors.cast_unsigned(),
            timed: row.timed.cast_unsigned(),
            micros: row.micros.cast_unsigned(),
            last_seen: Some(Timestamp::from_micros(row.last_seen).map_err(|e| bad("last_seen", e))?),
            sketch: sketch.map_err(|e| bad("sketch", e))?.unwrap_or_default(),
        })
    }
}
