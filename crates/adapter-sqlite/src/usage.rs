//! Answers about usage, from blocks and deltas of one snapshot.

use std::collections::HashMap;

use activity_domain::client::ClientName;
use activity_domain::error::StoreError;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::rollup::{ClientNo, Delta, Profile, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Run, Span};
use activity_domain::time::Timestamp;
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::pending::{deltas, profiles};
use crate::schema::{client, client_number, usage_block};
use crate::store::SqliteStore;
use crate::{endpoints, log, numbers, series};

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

    async fn series(&self, query: &SeriesQuery, _: Read) -> Result<Vec<Series>, StoreError> {
        let (query, max_endpoints) = (query.clone(), self.max_endpoints);
        self.read(move |c| series::series(c, &query, max_endpoints)).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, _: Read) -> Result<Vec<EndpointRow>, StoreError> {
        let (query, max_endpoints) = (query.clone(), self.max_endpoints);
        self.read(move |c| endpoints::endpoints(c, &query, max_endpoints)).await
    }

    async fn activities(&self, query: &LogQuery, _: Read) -> Result<LogPage, StoreError> {
        let query = query.clone();
        self.read(move |c| log::page(c, &query)).await
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
            for block in blocks(c, run, only)? {
                let no = block.client();
                block.profile()?.add_to(tallies.entry(no).or_default());
            }
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

/// The blocks of a run: of one client (or of everybody, who counts as one), or of each client.
pub(crate) fn blocks(
    c: &mut SqliteConnection,
    run: Run,
    only: Option<ClientNo>,
) -> QueryResult<Vec<BlockRow>> {
    let blocks = usage_block::table
        .filter(usage_block::minutes.eq(run.level.minutes()))
        .filter(usage_block::start.ge(run.span.from.0))
        .filter(usage_block::start.lt(run.span.to.0))
        .select(BlockRow::as_select());
    match only {
        Some(no) => blocks.filter(usage_block::client.eq(no.0.cast_signed())).load(c),
        None => blocks.filter(usage_block::client.gt(EVERYBODY)).load(c),
    }
}

const EVERYBODY: i64 = ClientNo::EVERYBODY.0.cast_signed();

fn add_deltas(deltas: &[Delta], span: Span, only: Option<ClientNo>, tallies: &mut Tallies) {
    for (_, client, profile) in profiles(deltas, span, only) {
        profile.add_to(tallies.entry(client).or_default());
    }
}

fn top(c: &mut SqliteConnection, query: &TopQuery) -> Result<Vec<TopRow>, Failure> {
    let tallies = totals(c, query.span)?;
    let ids = numbers::ids(c, tallies.keys().copied())?;
    let rows = tallies.into_iter().filter_map(|(no, tally)| {
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

/// What each client did in a span, without sketches: SQLite adds up the columns.
pub(crate) fn totals(c: &mut SqliteConnection, span: Span) -> Result<Tallies, Failure> {
    let mut tallies = Tallies::new();
    for run in span.runs() {
        for row in sums(c, run)? {
            tallies.entry(ClientNo(row.client.cast_unsigned())).or_default().merge(&row.try_into()?);
        }
    }
    for (_, client, profile) in profiles(&deltas(c, span)?, span, None) {
        profile.add_numbers_to(tallies.entry(client).or_default());
    }
    Ok(tallies)
}

fn sums(c: &mut SqliteConnection, run: Run) -> QueryResult<Vec<SumRow>> {
    diesel::sql_query(format!(
        "SELECT client, sum(requests) AS requests, sum(errors) AS errors, sum(timed) AS timed, \
                sum(micros) AS micros, max(last_seen) AS last_seen \
         FROM usage_block WHERE minutes = ? AND start >= ? AND start < ? AND client > {EVERYBODY} GROUP BY client"
    ))
    .bind::<BigInt, _>(run.level.minutes())
    .bind::<BigInt, _>(run.span.from.0)
    .bind::<BigInt, _>(run.span.to.0)
    .load(c)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = usage_block)]
pub(crate) struct BlockRow {
    pub start: i64,
    client: i64,
    last_seen: i64,
    cells: Vec<u8>,
}

impl BlockRow {
    pub fn client(&self) -> ClientNo {
        ClientNo(self.client.cast_unsigned())
    }

    pub fn profile(&self) -> Result<Profile, StoreError> {
        let bad = |column, error| {
            let key = format_args!("client {} from minute {}", self.client, self.start);
            corrupt("usage_block", column, &key, &error)
        };
        let last_seen = Timestamp::from_micros(self.last_seen).map_err(|error| bad("last_seen", error))?;
        Profile::decode(&self.cells, Some(last_seen)).map_err(|error| bad("cells", error))
    }
}

#[derive(QueryableByName)]
#[diesel(table_name = usage_block)]
struct SumRow {
    client: i64,
    requests: i64,
    errors: i64,
    timed: i64,
    micros: i64,
    last_seen: i64,
}

impl TryFrom<SumRow> for Tally {
    type Error = StoreError;

    fn try_from(row: SumRow) -> Result<Self, StoreError> {
        let last_seen = Timestamp::from_micros(row.last_seen).map_err(|error| {
            corrupt("usage_block", "last_seen", &format_args!("client {}", row.client), &error)
        })?;
        Ok(Self {
            requests: row.requests.cast_unsigned(),
            errors: row.errors.cast_unsigned(),
            timed: row.timed.cast_unsigned(),
            micros: row.micros.cast_unsigned(),
            last_seen: Some(last_seen),
            sketch: Sketch::default(),
        })
    }
}
