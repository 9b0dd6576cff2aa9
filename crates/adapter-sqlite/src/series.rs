//! Usage over time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use activity_domain::hygiene::OTHER;
use activity_domain::rollup::{Cell, ClientNo, Profile, Tally};
use activity_domain::span::{Level, Minute, Run, Span};
use activity_domain::usage::{Buckets, GroupBy, Series, SeriesQuery};
use diesel::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::pending::{deltas, profiles};
use crate::usage::{blocks, totals};
use crate::{endpoints, numbers};

/// A bucket of more blocks than this is put together from runs instead, which read fewer.
const MAX_BLOCKS_A_BUCKET: i64 = 24;

pub(crate) fn series(
    c: &mut SqliteConnection,
    query: &SeriesQuery,
    max_endpoints: usize,
) -> Result<Vec<Series>, Failure> {
    let who = match &query.client {
        None => ClientNo::EVERYBODY,
        Some(id) => match numbers::find(c, id)? {
            Some(no) => no,
            None if query.group == GroupBy::None => {
                return Ok(vec![Series::empty(None, query.buckets.len())]);
            }
            None => return Ok(Vec::new()),
        },
    };
    let buckets = &query.buckets;
    let series = match query.group {
        GroupBy::None => vec![whole(c, who, buckets, None)?],
        GroupBy::Status => by_cell(c, who, buckets, |cell| cell.class.as_str())?,
        GroupBy::Method => by_cell(c, who, buckets, |cell| cell.verb.as_str())?,
        GroupBy::Client => by_client(c, buckets, query.max_groups())?,
        GroupBy::Endpoint => endpoints::series(c, who, buckets, query.max_groups(), max_endpoints)?,
    };
    Ok(Series::rank(series, query.max_groups()))
}

/// All of a client, or of everybody.
fn whole(
    c: &mut SqliteConnection,
    who: ClientNo,
    buckets: &Buckets,
    group: Option<String>,
) -> Result<Series, Failure> {
    let mut series = Series::empty(group, buckets.len());
    for_each(c, who, buckets, |place, profile| add(&mut series.points[place], &profile.total()))?;
    Ok(series)
}

fn by_cell(
    c: &mut SqliteConnection,
    who: ClientNo,
    buckets: &Buckets,
    name: impl Fn(Cell) -> &'static str,
) -> Result<Vec<Series>, Failure> {
    let mut groups: BTreeMap<&str, Series> = BTreeMap::new();
    for_each(c, who, buckets, |place, profile| {
        for (cell, tally) in profile.cells() {
            let group = name(cell);
            let new = || Series::empty(Some(group.to_owned()), buckets.len());
            groups.entry(group).or_insert_with(new).points[place].merge(&tally);
        }
    })?;
    Ok(groups.into_values().collect())
}

/// The busiest clients one by one. All others are what everybody did less what those did.
fn by_client(c: &mut SqliteConnection, buckets: &Buckets, most: usize) -> Result<Vec<Series>, Failure> {
    let totals = totals(c, buckets.span())?;
    let ids = numbers::ids(c, totals.keys().copied())?;
    let count = ids.len();
    let mut ranked: Vec<_> =
        ids.into_iter().map(|(no, id)| (Reverse(totals[&no].requests), id, no)).collect();
    ranked.sort();
    ranked.truncate(if count > most { most.saturating_sub(1) } else { most });
    let mut rest = whole(c, ClientNo::EVERYBODY, buckets, Some(OTHER.to_owned()))?;
    let mut series = Vec::with_capacity(ranked.len() + 1);
    for (_, id, no) in &ranked {
        let own = whole(c, *no, buckets, Some(id.to_string()))?;
        rest.points.iter_mut().zip(&own.points).for_each(|(rest, own)| rest.subtract(own));
        series.push(own);
    }
    if ranked.len() < count {
        series.push(rest);
    }
    Ok(series)
}

/// Hands every block and waiting delta of the buckets over, with the bucket's place.
fn for_each(
    c: &mut SqliteConnection,
    who: ClientNo,
    buckets: &Buckets,
    mut take: impl FnMut(usize, &Profile),
) -> Result<(), Failure> {
    for run in runs(buckets) {
        for block in blocks(c, run, Some(who))? {
            if let Some(place) = buckets.place(Minute(block.start)) {
                take(place, &block.profile()?);
            }
        }
    }
    let span = buckets.span();
    let only = (who != ClientNo::EVERYBODY).then_some(who);
    for (minute, _, profile) in profiles(&deltas(c, span)?, span, only) {
        if let Some(place) = buckets.place(minute) {
            take(place, profile);
        }
    }
    Ok(())
}

/// The runs of blocks that make up the buckets, none of which reaches over a border.
fn runs(buckets: &Buckets) -> Vec<Run> {
    let longest = |level: Level| {
        let length = |span: Span| span.to.0 - span.from.0;
        buckets.iter().map(|span| length(span) / level.minutes()).max().unwrap_or(0)
    };
    match buckets.level(&Level::ALL) {
        Some(level) if longest(level) <= MAX_BLOCKS_A_BUCKET => vec![Run { level, span: buckets.span() }],
        _ => buckets.iter().flat_map(Span::runs).collect(),
    }
}

fn add(point: &mut Tally, more: &Tally) {
    point.merge(more);
    point.last_seen = None;
}
