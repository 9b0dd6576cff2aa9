//! Answers about usage, from blocks and deltas of one snapshot.

use std::collections::{HashMap, HashSet};

use activity_domain::client::ClientName;
use activity_domain::error::StoreError;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::rollup::{ClientNo, Delta, Summary, Tally};
use activity_domain::span::{Level, Minute, Span};
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::page::Totals;
use crate::pending::{deltas, profiles};
use crate::schema::{client, client_number};
use crate::store::SqliteStore;
use crate::{blocks, endpoints, log, numbers, page, series};

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

type Summaries = HashMap<ClientNo, Summary>;

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
        let clients = summaries(c, query.zone.day(date), only, &deltas)?;
        let ids = numbers::ids(c, clients.keys().copied())?;
        let named = clients.into_iter().filter_map(|(no, summary)| Some((ids.get(&no)?.clone(), summary)));
        if page.push_day(query, date, named.collect()) {
            break;
        }
    }
    Ok(page)
}

/// What each client did in a span, or one of them. Where that is one block, its sums are the answer; only what
/// has to be put together takes distributions.
fn summaries(
    c: &mut SqliteConnection,
    span: Span,
    only: Option<ClientNo>,
    deltas: &[Delta],
) -> Result<Summaries, Failure> {
    let mut whole = Summaries::new();
    let mut in_pieces = HashSet::new();
    for run in span.runs() {
        let mut add = |client, summary| {
            if whole.insert(client, summary).is_some() {
                in_pieces.insert(client);
            }
        };
        match only {
            None => page::for_each(c, run, add)?,
            Some(no) => {
                for row in blocks::sums(c, run, no)? {
                    add(no, row.summary()?);
                }
            }
        }
    }
    in_pieces.extend(profiles(deltas, span, only).map(|(_, client, _)| client));
    for (client, tally) in tallies(c, span, &in_pieces, deltas)? {
        whole.insert(client, Summary::from(&tally));
    }
    Ok(whole)
}

/// What some clients did in a span, put together.
fn tallies(
    c: &mut SqliteConnection,
    span: Span,
    clients: &HashSet<ClientNo>,
    deltas: &[Delta],
) -> Result<HashMap<ClientNo, Tally>, Failure> {
    let mut tallies: HashMap<ClientNo, Tally> = HashMap::new();
    if clients.is_empty() {
        return Ok(tallies);
    }
    let listed: Vec<ClientNo> = clients.iter().copied().collect();
    for run in span.runs() {
        blocks::for_each_profile(c, run, &listed, |_, client, profile| {
            profile.add_to(tallies.entry(client).or_default());
        })?;
    }
    for (_, client, profile) in profiles(deltas, span, None).filter(|(_, no, _)| clients.contains(no)) {
        profile.add_to(tallies.entry(client).or_default());
    }
    Ok(tallies)
}

fn top(c: &mut SqliteConnection, query: &TopQuery) -> Result<Vec<TopRow>, Failure> {
    let leaders = leaders(&totals(c, query.span)?, query.limit);
    let ids = numbers::ids(c, leaders.iter().map(|(no, _)| *no))?;
    let rows = leaders.into_iter().filter_map(|(no, summary)| {
        let client = ids.get(&no)?.clone();
        // Clients that are not registered have no other name.
        let name = ClientName::parse(client.as_str()).ok()?;
        Some(TopRow { client, name, summary })
    });
    let mut ranked = TopRow::rank(rows.collect(), query.limit);
    for row in &mut ranked {
        let named = client::table.inner_join(client_number::table);
        let named = named.filter(client_number::id.eq(row.client.as_str())).select(client::name);
        if let Some(name) = named.get_result::<String>(c).optional()? {
            row.name =
                ClientName::parse(&name).map_err(|error| corrupt("client", "name", &row.client, &error))?;
        }
    }
    Ok(ranked)
}

/// What each client did in a span, without percentiles.
pub(crate) fn totals(c: &mut SqliteConnection, span: Span) -> Result<Totals, Failure> {
    let mut totals = Totals::default();
    for run in up_to_the_end(c, span)?.runs() {
        totals.add_run(c, run)?;
    }
    for (_, client, profile) in profiles(&deltas(c, span)?, span, None) {
        totals.add(client, &profile.numbers());
    }
    Ok(totals)
}

/// The same span of what blocks hold, but ending with a day, if there is nothing behind its end. Most questions
/// end now, and one block of a day takes the place of up to 23 hours, and of quarters and minutes.
fn up_to_the_end(c: &mut SqliteConnection, span: Span) -> QueryResult<Span> {
    let Some(minute) = page::newest(c, Level::Minute)? else { return Ok(span) };
    // Minutes are forgotten by the clock, which may have been wrong: quarters know better.
    let is_newest = page::newest(c, Level::Quarter)? == Some(Level::Quarter.block_of(minute));
    let end = Minute(Level::Day.block_of(minute).0 + Level::Day.minutes());
    Ok(if is_newest && minute < span.to { Span { to: end, ..span } } else { span })
}

/// The clients that may be among the first so many: all that have as many requests as the last of those, for
/// ids decide between equals.
pub(crate) fn leaders(totals: &Totals, limit: usize) -> Vec<(ClientNo, Summary)> {
    let mut requests: Vec<u64> = totals.iter().map(|(_, total)| total.requests).collect();
    let least = match limit.checked_sub(1).filter(|last| *last < requests.len()) {
        Some(last) => *requests.select_nth_unstable_by(last, |a, b| b.cmp(a)).1,
        None => 0,
    };
    totals.iter().filter(|(_, total)| total.requests >= least).collect()
}
