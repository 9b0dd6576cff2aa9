//! Usage by endpoint.

use std::collections::{BTreeMap, HashSet};

use activity_domain::error::StoreError;
use activity_domain::hygiene::{OTHER, Template, Verb};
use activity_domain::rollup::{ClientNo, Summary, Tally};
use activity_domain::span::{Level, Minute, Run};
use activity_domain::usage::{self, Buckets, EndpointRow, EndpointsQuery, Series};
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::TryStreamExt;

use crate::blocks::minutes;
use crate::endpoint_blocks::{sketch, verb};
use crate::error::Failure;
use crate::numbers;
use crate::pending::{self, Pending};
use crate::statement::statement;

pub(crate) async fn endpoints(
    c: &mut AsyncPgConnection,
    query: &EndpointsQuery,
    max_endpoints: usize,
) -> Result<Vec<EndpointRow>, Failure> {
    let who = match &query.client {
        None => ClientNo::EVERYBODY,
        Some(id) => match numbers::find(c, id).await? {
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
        })
        .await?;
    }
    for pending in pending::endpoints(c, query.span, who, max_endpoints).await? {
        tallies.entry((name(pending.endpoint), pending.verb)).or_default().merge(&pending.tally);
    }
    let row = |((endpoint, verb), tally)| EndpointRow { endpoint, verb, summary: Summary::from(&tally) };
    Ok(EndpointRow::rank(tallies.into_iter().map(row).collect(), query.sort, query.limit))
}

/// One series for each of the busiest endpoints, and one of all others; they are not ranked yet.
pub(crate) async fn series(
    c: &mut AsyncPgConnection,
    who: ClientNo,
    buckets: &Buckets,
    most: usize,
    max_endpoints: usize,
) -> Result<Vec<Series<Tally>>, Failure> {
    // Questions whose buckets are not made of these are refused before.
    let level = buckets.level(&[Level::Hour, Level::Day]).unwrap_or(Level::Hour);
    let run = Run { level, span: buckets.span() };
    let pending = pending::endpoints(c, buckets.span(), who, max_endpoints).await?;
    let busiest = busiest(c, run, who, &pending, most).await?;
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
    })
    .await?;
    for pending in pending {
        add(name(pending.endpoint), pending.hour, &pending.tally);
    }
    Ok(groups.into_values().collect())
}

statement! {
    /// Requests by endpoint in a run.
    Requests { minutes: i32 => Integer, from: i64 => BigInt, to: i64 => BigInt, client: i64 => BigInt }
    -> (Nullable<Text>, BigInt) =
        "SELECT e.path, b.requests FROM ( \
             SELECT endpoint, sum(requests)::bigint AS requests FROM endpoint_block \
             WHERE minutes = $1 AND start >= $2 AND start < $3 AND client = $4 GROUP BY endpoint) b \
         LEFT JOIN endpoint e ON e.no = b.endpoint"
}

/// The endpoints that get a series of their own. A series is long, and over many days there may be
/// thousands of endpoints: they are counted first.
async fn busiest(
    c: &mut AsyncPgConnection,
    run: Run,
    who: ClientNo,
    pending: &[Pending],
    most: usize,
) -> Result<HashSet<String>, Failure> {
    let (from, to, client) = (run.span.from.0, run.span.to.0, who.0.cast_signed());
    let rows: Vec<(Option<String>, i64)> =
        Requests { minutes: minutes(run.level), from, to, client }.load(c).await?;
    let mut requests: BTreeMap<String, u64> = BTreeMap::new();
    for (path, count) in rows {
        *requests.entry(path.unwrap_or_else(|| OTHER.to_owned())).or_default() += count.cast_unsigned();
    }
    for pending in pending {
        *requests.entry(name(pending.endpoint.clone())).or_default() += pending.tally.requests;
    }
    Ok(usage::busiest(requests, most))
}

fn name(endpoint: Option<Template>) -> String {
    endpoint.map_or_else(|| OTHER.to_owned(), |template| template.as_str().to_owned())
}

statement! {
    /// The blocks of a client in a run.
    Blocks { minutes: i32 => Integer, from: i64 => BigInt, to: i64 => BigInt, client: i64 => BigInt }
    -> (BigInt, Nullable<Text>, SmallInt, BigInt, BigInt, BigInt, BigInt, Binary) =
        "SELECT b.start, e.path, b.verb, b.requests, b.errors, b.timed, b.micros, b.sketch \
         FROM endpoint_block b LEFT JOIN endpoint e ON e.no = b.endpoint \
         WHERE b.minutes = $1 AND b.start >= $2 AND b.start < $3 AND b.client = $4"
}

/// Hands over the blocks of a run of one client, or of everybody, one at a time: there may be very many.
async fn for_each(
    c: &mut AsyncPgConnection,
    run: Run,
    who: ClientNo,
    mut take: impl FnMut(Block) -> Result<(), StoreError>,
) -> Result<(), Failure> {
    let (from, to, client) = (run.span.from.0, run.span.to.0, who.0.cast_signed());
    let blocks = Blocks { minutes: minutes(run.level), from, to, client };
    let mut blocks = blocks.load_stream::<Block>(c).await?;
    while let Some(block) = blocks.try_next().await? {
        take(block)?;
    }
    Ok(())
}

#[derive(diesel::Queryable)]
struct Block {
    start: i64,
    path: Option<String>,
    verb: i16,
    requests: i64,
    errors: i64,
    timed: i64,
    micros: i64,
    sketch: Vec<u8>,
}

impl Block {
    fn name(&self) -> String {
        self.path.clone().unwrap_or_else(|| OTHER.to_owned())
    }

    fn verb(&self) -> Result<Verb, StoreError> {
        verb(self.start, self.verb)
    }

    fn tally(&self) -> Result<Tally, StoreError> {
        Ok(Tally {
            requests: self.requests.cast_unsigned(),
            errors: self.errors.cast_unsigned(),
            timed: self.timed.cast_unsigned(),
            micros: self.micros.cast_unsigned(),
            last_seen: None,
            sketch: sketch(self.start, &self.sketch)?,
        })
    }
}
