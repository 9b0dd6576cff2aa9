//! Usage by day and client.
//!
//! The days of a page are not known beforehand: it ends when it is full. They are read in growing groups, so that
//! ten years with little in them take a few questions, and one day with many clients does not read the next.

use std::collections::{HashMap, HashSet};

use activity_domain::id::ClientId;
use activity_domain::rollup::{ClientNo, Delta, Summary, Tally};
use activity_domain::span::Span;
use activity_domain::time::Date;
use activity_domain::usage::{DailyPage, DailyQuery, DailyRow};
use diesel::sql_types::{Array, BigInt, Integer, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::{self, last_seen, minutes, quantiles};
use crate::error::Failure;
use crate::numbers;
use crate::pending::{deltas, profiles};
use crate::statement::statement;

type Summaries = HashMap<ClientNo, Summary>;

/// The most days that are read at once.
const MAX_GROUP: usize = 128;

pub(crate) async fn page(c: &mut AsyncPgConnection, query: &DailyQuery) -> Result<DailyPage, Failure> {
    let only = match &query.client {
        None => None,
        Some(id) => match numbers::find(c, id).await? {
            Some(no) => Some(no),
            None => return Ok(DailyPage::default()),
        },
    };
    let newest = query.after.as_ref().map_or(query.days.to(), |after| after.date.min(query.days.to()));
    let whole = Span { from: query.zone.day(query.days.from()).from, to: query.zone.day(newest).to };
    let deltas = deltas(c, whole).await?;
    let mut page = DailyPage::default();
    let mut dates = query.days.newest_first(Some(newest));
    let mut size = 1;
    loop {
        let group: Vec<(Date, Span)> =
            dates.by_ref().take(size).map(|date| (date, query.zone.day(date))).collect();
        if group.is_empty() {
            return Ok(page);
        }
        let days = read(c, &group, only, &deltas).await?;
        let ids = numbers::ids(c, days.iter().flat_map(|day| day.clients.keys().copied())).await?;
        for ((date, span), day) in group.into_iter().zip(days) {
            if push(c, &mut page, query, (date, span), day, &ids, &deltas).await? {
                return Ok(page);
            }
        }
        size = (size * 4).min(MAX_GROUP);
    }
}

/// What clients did on a day.
#[derive(Default)]
struct Day {
    clients: Summaries,
    /// Those whose percentiles have to be put together from several blocks or deltas.
    in_pieces: HashSet<ClientNo>,
}

impl Day {
    fn add(&mut self, client: ClientNo, summary: Summary, blocks: i64) {
        let total = self.clients.entry(client).or_default();
        if blocks == 1 && total.requests == 0 {
            *total = summary;
        } else {
            *total = total.plus(&summary);
            self.in_pieces.insert(client);
        }
    }
}

statement! {
    /// What each client did in the runs of each day; with a client, that one alone. Percentiles are those of a
    /// block where it is the only one.
    Read {
        day: Vec<i32> => Array<Integer>,
        minutes: Vec<i32> => Array<Integer>,
        from: Vec<i64> => Array<BigInt>,
        to: Vec<i64> => Array<BigInt>,
    } -> (Integer, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>) =
        "SELECT r.day, b.client, count(*), sum(b.requests)::bigint, sum(b.errors)::bigint, \
             sum(b.timed)::bigint, sum(b.micros)::bigint, max(b.last_seen), min(b.quantiles) \
         FROM unnest($1, $2, $3, $4) AS r (day, minutes, first, after) CROSS JOIN LATERAL ( \
             SELECT client, requests, errors, timed, micros, last_seen, quantiles FROM usage_block u \
             WHERE u.minutes = r.minutes AND u.start >= r.first AND u.start < r.after AND u.client > 0 \
             OFFSET 0) b \
         GROUP BY r.day, b.client"
}

statement! {
    /// The same of one client.
    ReadOne {
        day: Vec<i32> => Array<Integer>,
        minutes: Vec<i32> => Array<Integer>,
        from: Vec<i64> => Array<BigInt>,
        to: Vec<i64> => Array<BigInt>,
        client: i64 => BigInt,
    } -> (Integer, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>) =
        "SELECT r.day, $5, count(*), sum(b.requests)::bigint, sum(b.errors)::bigint, \
             sum(b.timed)::bigint, sum(b.micros)::bigint, max(b.last_seen), min(b.quantiles) \
         FROM unnest($1, $2, $3, $4) AS r (day, minutes, first, after) CROSS JOIN LATERAL ( \
             SELECT requests, errors, timed, micros, last_seen, quantiles FROM usage_block u \
             WHERE u.minutes = r.minutes AND u.start >= r.first AND u.start < r.after AND u.client = $5 \
             OFFSET 0) b \
         GROUP BY r.day"
}

#[derive(diesel::Queryable)]
struct Row {
    day: i32,
    client: i64,
    blocks: i64,
    requests: i64,
    errors: i64,
    timed: i64,
    micros: i64,
    last_seen: i64,
    quantiles: Option<i64>,
}

/// Some days, in their order.
async fn read(
    c: &mut AsyncPgConnection,
    group: &[(Date, Span)],
    only: Option<ClientNo>,
    deltas: &[Delta],
) -> Result<Vec<Day>, Failure> {
    let (mut day, mut length, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, (_, span)) in (0i32..).zip(group) {
        for run in span.runs() {
            day.push(index);
            length.push(minutes(run.level));
            from.push(run.span.from.0);
            to.push(run.span.to.0);
        }
    }
    let rows: Vec<Row> = match only {
        None => Read { day, minutes: length, from, to }.load(c).await?,
        Some(no) => {
            let client = no.0.cast_signed();
            ReadOne { day, minutes: length, from, to, client }.load(c).await?
        }
    };
    let mut days: Vec<Day> = group.iter().map(|_| Day::default()).collect();
    for row in rows {
        let place = usize::try_from(row.day).unwrap_or(usize::MAX);
        let (Some(day), Some((_, span))) = (days.get_mut(place), group.get(place)) else { continue };
        let summary = Summary {
            requests: row.requests.cast_unsigned(),
            errors: row.errors.cast_unsigned(),
            timed: row.timed.cast_unsigned(),
            micros: row.micros.cast_unsigned(),
            last_seen: Some(last_seen(row.client, span.from.0, row.last_seen)?),
            quantiles: quantiles(row.client, span.from.0, row.quantiles)?,
        };
        day.add(ClientNo(row.client.cast_unsigned()), summary, row.blocks);
    }
    for ((_, span), day) in group.iter().zip(&mut days) {
        for (_, client, profile) in profiles(deltas, *span, only) {
            // Percentiles of what waits are never taken as they are.
            day.add(client, profile.numbers(), 0);
        }
    }
    Ok(days)
}

/// Adds a day to the page. Whether it is full then. Distributions are read for rows that are on it alone.
async fn push(
    c: &mut AsyncPgConnection,
    page: &mut DailyPage,
    query: &DailyQuery,
    (date, span): (Date, Span),
    day: Day,
    ids: &HashMap<ClientNo, ClientId>,
    deltas: &[Delta],
) -> Result<bool, Failure> {
    let before = page.rows.len();
    let mut in_pieces: HashMap<ClientId, ClientNo> = HashMap::new();
    let mut named = Vec::with_capacity(day.clients.len());
    for (no, summary) in day.clients {
        let Some(id) = ids.get(&no) else { continue };
        if day.in_pieces.contains(&no) {
            in_pieces.insert(id.clone(), no);
        }
        named.push((id.clone(), summary));
    }
    let is_full = page.push_day(query, date, named);
    let rows = &mut page.rows[before..];
    in_pieces.retain(|id, _| rows.iter().any(|row| row.client == *id));
    put_together(c, rows, span, &in_pieces, deltas).await?;
    Ok(is_full)
}

async fn put_together(
    c: &mut AsyncPgConnection,
    rows: &mut [DailyRow],
    span: Span,
    in_pieces: &HashMap<ClientId, ClientNo>,
    deltas: &[Delta],
) -> Result<(), Failure> {
    if in_pieces.is_empty() {
        return Ok(());
    }
    let listed: HashSet<ClientNo> = in_pieces.values().copied().collect();
    let mut tallies: HashMap<ClientNo, Tally> = HashMap::new();
    let clients: Vec<ClientNo> = listed.iter().copied().collect();
    for run in span.runs() {
        blocks::for_each_profile(c, run, &clients, |_, client, profile| {
            profile.add_to(tallies.entry(client).or_default());
        })
        .await?;
    }
    for (_, client, profile) in profiles(deltas, span, None).filter(|(_, no, _)| listed.contains(no)) {
        profile.add_to(tallies.entry(client).or_default());
    }
    for row in rows {
        if let Some(tally) = in_pieces.get(&row.client).and_then(|no| tallies.get(no)) {
            row.summary = Summary::from(tally);
        }
    }
    Ok(())
}
