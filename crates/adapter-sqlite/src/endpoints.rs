//! Usage by endpoint.

use std::collections::BTreeMap;

use activity_domain::error::Invalid;
use activity_domain::hygiene::{OTHER, Template, Verb};
use activity_domain::rollup::{ClientNo, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Level, Minute, Run};
use activity_domain::usage::{Buckets, EndpointRow, EndpointsQuery, Series};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::{numbers, pending};

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
        for block in blocks(c, run, who)? {
            let (verb, tally) = (block.verb()?, block.tally()?);
            tallies.entry((block.path.unwrap_or_else(|| OTHER.to_owned()), verb)).or_default().merge(&tally);
        }
    }
    for pending in pending::endpoints(c, query.span, who, max_endpoints)? {
        tallies.entry((name(pending.endpoint), pending.verb)).or_default().merge(&pending.tally);
    }
    let row = |((endpoint, verb), tally)| EndpointRow { endpoint, verb, tally };
    Ok(EndpointRow::rank(tallies.into_iter().map(row).collect(), query.sort, query.limit))
}

/// One series for each endpoint; they are not ranked yet.
pub(crate) fn series(
    c: &mut SqliteConnection,
    who: ClientNo,
    buckets: &Buckets,
    max_endpoints: usize,
) -> Result<Vec<Series>, Failure> {
    let mut groups: BTreeMap<String, Series> = BTreeMap::new();
    let mut add = |endpoint: String, start: Minute, tally: &Tally| {
        let Some(place) = buckets.place(start) else { return };
        let new = || Series::empty(Some(endpoint.clone()), buckets.len());
        groups.entry(endpoint.clone()).or_insert_with(new).points[place].merge(tally);
    };
    // Questions whose buckets are not made of these are refused before.
    let level = buckets.level(&[Level::Hour, Level::Day]).unwrap_or(Level::Hour);
    for block in blocks(c, Run { level, span: buckets.span() }, who)? {
        let tally = block.tally()?;
        add(block.path.unwrap_or_else(|| OTHER.to_owned()), Minute(block.start), &tally);
    }
    for pending in pending::endpoints(c, buckets.span(), who, max_endpoints)? {
        add(name(pending.endpoint), pending.hour, &pending.tally);
    }
    Ok(groups.into_values().collect())
}

fn name(endpoint: Option<Template>) -> String {
    endpoint.map_or_else(|| OTHER.to_owned(), |template| template.as_str().to_owned())
}

/// The blocks of a run of one client, or of everybody. The start of each is listed, so that SQLite seeks the
/// client's in every block instead of reading all clients'.
fn blocks(c: &mut SqliteConnection, run: Run, who: ClientNo) -> QueryResult<Vec<EndpointBlockRow>> {
    diesel::sql_query(
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
    .load(c)
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
