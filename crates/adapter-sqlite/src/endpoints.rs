//! Usage by endpoint.

use std::collections::{BTreeMap, HashSet};

use activity_domain::error::Invalid;
use activity_domain::hygiene::{OTHER, Template, Verb};
use activity_domain::rollup::{ClientNo, Summary, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Level, Minute, Run};
use activity_domain::usage::{self, Buckets, EndpointRow, EndpointsQuery, Series};
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::numbers;
use crate::pending::{self, Pending};

pub(crate) fn endpoints(
    c: &mut SqliteConnection,
    query: &EndpointsQuery,
    max_endpoints: usize,
) -> Result<Vec<EndpointRow>, Failure> {
    let who = match &query.client {
        None => ClientNo::EVERYBODY,
        Some(id) => match numbers::find(c, id)? {
            Some(no) => no,
            None => return Ok(Vec::new()),
        },
    };
    let mut tallies: BTreeMap<(String, Verb), Tally> = BTreeMap::new();
    for run in query.span.runs() {
        for_each(c, run, who, |block| {
            let (verb, tally) = (block.verb()?, block.tally()?);
            tallies.entry((block.name(), verb)).or_default().merge(&tally);
            Ok(())
        })?;
    }
    for pending in pending::endpoints(c, query.span, who, max_endpoints)? {
        tallies.entry((name(pending.endpoint), pending.verb)).or_default().merge(&pending.tally);
    }
    let row = |((endpoint, verb), tally)| EndpointRow { endpoint, verb, summary: Summary::from(&tally) };
    Ok(EndpointRow::rank(tallies.into_iter().map(row).collect(), query.sort, query.limit))
}

/// One series for each of the busiest endpoints, and one of all others; they are not ranked yet.
pub(crate) fn series(
    c: &mut SqliteConnection,
    who: ClientNo,
    buckets: &Buckets,
    most: usize,
    max_endpoints: usize,
) -> Result<Vec<Series<Tally>>, Failure> {
    // Questions whose buckets are not made of these are refused before.
    let level = buckets.level(&[Level::Hour, Level::Day]).unwrap_or(Level::Hour);
    let run = Run { level, span: buckets.span() };
    let pending = pending::endpoints(c, buckets.span(), who, max_endpoints)?;
    let busiest = busiest(c, run, who, &pending, most)?;
    let mut groups: BTreeMap<String, Series<Tally>> = BTreeMap::new();
    let mut add = |endpoint: String, start: Minute, tally: &Tally| {
        let Some(place) = buckets.place(start) else { return };
        let endpoint = if busiest.contains(&endpoint) { endpoint } else { OTHER.to_owned() };
        let new = || Series::empty(Some(endpoint.clone()), buckets.len());
        groups.entry(endpoint.clone()).or_insert_with(new).points[place].merge(tally);
    };
    for_each(c, run, who, |block| {
        let tally = block.tally()?;
        add(block.name(), Minute(block.start), &tally);
        Ok(())
    })?;
    for pending in pending {
        add(name(pending.endpoint), pending.hour, &pending.tally);
    }
    Ok(groups.into_values().collect())
}

/// The endpoints that get a series of their own. A series is long, and over many days there may be
/// thousands of endpoints: they are counted first.
fn busiest(
    c: &mut SqliteConnection,
    run: Run,
    who: ClientNo,
    pending: &[Pending],
    most: usize,
) -> Result<HashSet<String>, Failure> {
    let mut requests: BTreeMap<String, u64> = BTreeMap::new();
    for_each(c, run, who, |block| {
        *requests.entry(block.name()).or_default() += block.requests.cast_unsigned();
        Ok(())
    })?;
    for pending in pending {
        *requests.entry(name(pending.endpoint.clone())).or_default() += pending.tally.requests;
    }
    Ok(usage::busiest(requests, most))
}

fn name(endpoint: Option<Template>) -> String {
    endpoint.map_or_else(|| OTHER.to_owned(), |template| template.as_str().to_owned())
}

/// Hands over the blocks of a run of one client, or of everybody, one at a time: there may be very many. The
/// start of each is listed, so that SQLite seeks the client's in every block instead of reading all clients'.
fn for_each(
    c: &mut SqliteConnection,
    run: Run,
    who: ClientNo,
    mut take: impl FnMut(EndpointBlockRow) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let blocks = diesel::sql_query(
        "WITH RECURSIVE block (start) AS (
             SELECT ?1 UNION ALL SELECT start + ?3 FROM block WHERE start + ?3 < ?2
         )
         SELECT b.start, e.path, b.verb, b.requests, b.errors, b.timed, b.micros, b.sketch
         FROM block CROSS JOIN endpoint_block b LEFT JOIN endpoint e ON e.no = b.endpoint
         WHERE b.minutes = ?3 AND b.start = block.start AND b.client = ?4",
    )
    .bind::<BigInt, _>(run.span.from.0)
    .bind::<BigInt, _>(run.span.to.0)
    .bind::<BigInt, _>(run.level.minutes())
    .bind::<BigInt, _>(who.0.cast_signed())
    .load_iter::<EndpointBlockRow, DefaultLoadingMode>(c)?;
    for block in blocks {
        take(block?)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct EndpointBlockRow {
    #[diesel(sql_type = BigInt)]
    start: i64,
    #[diesel(sql_type = Nullable<Text>)]
    path: Option<String>,
    #[diesel(sql_type = BigInt)]
    verb: i64,
    #[diesel(sql_type = BigInt)]
    requests: i64,
    #[diesel(sql_type = BigInt)]
    errors: i64,
    #[diesel(sql_type = BigInt)]
    timed: i64,
    #[diesel(sql_type = BigInt)]
    micros: i64,
    #[diesel(sql_type = Binary)]
    sketch: Vec<u8>,
}

impl EndpointBlockRow {
    fn name(&self) -> String {
        self.path.clone().unwrap_or_else(|| OTHER.to_owned())
    }

    fn verb(&self) -> Result<Verb, Failure> {
        let verb = u8::try_from(self.verb).ok().and_then(Verb::from_code);
        verb.ok_or_else(|| self.corrupt("verb", &Invalid::new("is not a known method")))
    }

    fn tally(&self) -> Result<Tally, Failure> {
        Ok(Tally {
            requests: self.requests.cast_unsigned(),
            errors: self.errors.cast_unsigned(),
            timed: self.timed.cast_unsigned(),
            micros: self.micros.cast_unsigned(),
            last_seen: None,
            sketch: Sketch::decode(&self.sketch).map_err(|error| self.corrupt("sketch", &error))?,
        })
    }

    fn corrupt(&self, column: &str, error: &Invalid) -> Failure {
        corrupt("endpoint_block", column, &format_args!("minute {}", self.start), error).into()
    }
}
