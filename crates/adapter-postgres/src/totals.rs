//! What each client did in a span, without percentiles, from pages.
//!
//! Whether the pages of a block's time are whole is seen from what everybody did: counts only grow, and each client in
//! a page has what its block came to at some time, so that the sum is that of everybody only if nothing is
//! missing. Blocks that were written by a program that knows no pages are read themselves.

use std::collections::{BTreeMap, BTreeSet};

use activity_domain::rollup::{ClientNo, Summary};
use activity_domain::span::{Level, Minute, Span, Term};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::TryStreamExt;

use crate::blocks::{last_seen, minutes};
use crate::error::Failure;
use crate::page::{CLIENTS, Sums, client_at, for_each, place_of};
use crate::pages::bad;
use crate::pending::{deltas, profiles};
use crate::statement::statement;

/// What each client did in a span.
pub(crate) async fn totals(c: &mut AsyncPgConnection, span: Span) -> Result<Totals, Failure> {
    let mut totals = Totals::default();
    for terms in up_to_the_end(c, span).await?.terms().chunks(TERMS) {
        for (place, starts) in add_pages(c, terms, &mut totals).await? {
            add_blocks(c, terms[place], starts, &mut totals).await?;
        }
    }
    for (_, client, profile) in profiles(&deltas(c, span).await?, span, None) {
        totals.add(client, &Sums::from(&profile.numbers()), false);
    }
    Ok(totals)
}

/// The sums of clients by their place in a page, which is found faster than a client.
#[derive(Default)]
pub(crate) struct Totals(BTreeMap<i64, Box<[Sums; CLIENTS]>>);

impl Totals {
    fn page(&mut self, number: i64) -> &mut [Sums; CLIENTS] {
        self.0.entry(number).or_insert_with(|| Box::new([Sums::default(); CLIENTS]))
    }

    fn add(&mut self, client: ClientNo, sums: &Sums, is_taken_away: bool) {
        let (page, place) = place_of(client);
        self.page(page)[usize::from(place)].add(sums, is_taken_away);
    }

    /// The clients that have any requests.
    pub fn iter(&self) -> impl Iterator<Item = (ClientNo, &Sums)> {
        let clients = self.0.iter().flat_map(|(number, page)| {
            (0u8..).zip(page.iter()).map(|(place, sums)| (client_at(*number, place), sums))
        });
        clients.filter(|(_, sums)| sums.requests() > 0)
    }

    /// The clients that may be among the first so many: all that have as many requests as the last of those, for
    /// ids decide between equals.
    pub fn leaders(&self, limit: usize) -> Result<Vec<(ClientNo, Summary)>, Failure> {
        let mut requests: Vec<u64> = self.iter().map(|(_, sums)| sums.requests()).collect();
        let least = match limit.checked_sub(1).filter(|last| *last < requests.len()) {
            Some(last) => *requests.select_nth_unstable_by(last, |a, b| b.cmp(a)).1,
            None => 0,
        };
        let leaders = self.iter().filter(|(_, sums)| sums.requests() >= least);
        leaders.map(|(client, sums)| Ok((client, sums.summary(client)?))).collect()
    }
}

impl Sums {
    pub fn requests(&self) -> u64 {
        self.counts[0]
    }

    /// What is taken away may come before what it is taken from, so sums may be below zero on the way.
    fn add(&mut self, other: &Self, is_taken_away: bool) {
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum = if is_taken_away { sum.wrapping_sub(more) } else { sum.wrapping_add(more) };
        }
        if !is_taken_away {
            self.last_seen = self.last_seen.max(other.last_seen);
        }
    }

    fn summary(&self, client: ClientNo) -> Result<Summary, Failure> {
        let [requests, errors, timed, micros] = self.counts;
        let last_seen = Some(last_seen(client.0.cast_signed(), 0, self.last_seen)?);
        Ok(Summary { requests, errors, timed, micros, last_seen, quantiles: None })
    }
}

statement! {
    /// The first minutes of the newest blocks of a minute and of a quarter hour.
    Newest {} -> (Nullable<BigInt>, Nullable<BigInt>) =
        "SELECT (SELECT max(start) FROM usage_block WHERE minutes = 1), \
                (SELECT max(start) FROM usage_block WHERE minutes = 15)"
}

/// The same span of what blocks hold, but ending with a day, if there is nothing behind its end. Most questions
/// end now, and one block of a day takes the place of up to 23 hours, and of quarters and minutes.
async fn up_to_the_end(c: &mut AsyncPgConnection, span: Span) -> Result<Span, Failure> {
    let newest: (Option<i64>, Option<i64>) = Newest {}.get_result(c).await?;
    let (Some(minute), quarter) = newest else {
        return Ok(span);
    };
    let minute = Minute(minute);
    // Minutes are forgotten by the clock, which may have been wrong: quarters know better.
    let is_newest = quarter == Some(Level::Quarter.block_of(minute).0);
    let end = Minute(Level::Day.block_of(minute).0 + Level::Day.minutes());
    Ok(if is_newest && minute < span.to { Span { to: end, ..span } } else { span })
}

/// Terms of one statement.
const TERMS: usize = 9;

statement! {
    /// The pages of so many terms, each beside what everybody did in its time. That there are nine is known to the
    /// planner, whose one plan for all terms then looks no worse than one for those at hand, made each time.
    Read { minutes: Vec<i32> => Array<Integer>, from: Vec<i64> => Array<BigInt>, to: Vec<i64> => Array<BigInt> }
    -> (Integer, BigInt, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<Binary>) =
        "SELECT i, e.start, e.requests, p.page, p.requests, p.sums \
         FROM generate_series(1, 9) AS i CROSS JOIN LATERAL ( \
             SELECT start, requests FROM usage_block u \
             WHERE u.minutes = $1[i] AND u.start >= $2[i] AND u.start < $3[i] AND u.client = 0 OFFSET 0) e \
         LEFT JOIN LATERAL ( \
             SELECT page, requests, sums FROM usage_page u WHERE u.minutes = $1[i] AND u.start = e.start \
             OFFSET 0) p ON true"
}

#[derive(diesel::Queryable)]
struct Row {
    /// The term, counted from 1.
    term: i32,
    start: i64,
    everybody: i64,
    page: Option<i64>,
    requests: Option<i64>,
    sums: Option<Vec<u8>>,
}

/// The first minutes of blocks whose pages are not whole, by the place of their term.
type Stale = BTreeMap<usize, BTreeSet<i64>>;

/// Adds pages as far as they are whole, and says where they are not. There may be very many: those of one time are
/// held at once.
async fn add_pages(c: &mut AsyncPgConnection, terms: &[Term], totals: &mut Totals) -> Result<Stale, Failure> {
    let read = Read {
        minutes: terms.iter().map(|term| minutes(term.run.level)).collect(),
        from: terms.iter().map(|term| term.run.span.from.0).collect(),
        to: terms.iter().map(|term| term.run.span.to.0).collect(),
    };
    let (mut stale, mut held) = (Stale::new(), Vec::<Row>::new());
    let mut rows = read.load_stream::<Row>(c).await?;
    while let Some(row) = rows.try_next().await? {
        if held.last().is_some_and(|last| (last.term, last.start) != (row.term, row.start)) {
            totals.settle(&held, terms, &mut stale)?;
            held.clear();
        }
        held.push(row);
    }
    totals.settle(&held, terms, &mut stale)?;
    Ok(stale)
}

impl Totals {
    /// Adds the pages of one time, if they are whole.
    fn settle(&mut self, pages: &[Row], terms: &[Term], stale: &mut Stale) -> Result<(), Failure> {
        let Some(first) = pages.first() else { return Ok(()) };
        let place = usize::try_from(first.term - 1).unwrap_or(usize::MAX);
        let Some(term) = terms.get(place) else { return Ok(()) };
        let requests: i64 = pages.iter().filter_map(|page| page.requests).sum();
        if requests != first.everybody {
            stale.entry(place).or_default().insert(first.start);
            return Ok(());
        }
        for page in pages {
            let (Some(number), Some(bytes)) = (page.page, &page.sums) else { continue };
            let totals = self.page(number);
            let add = |place, sums| totals[usize::from(place)].add(&sums, term.is_taken_away);
            for_each(bytes, Minute(page.start), add).map_err(|error| bad(page.start, number, &error))?;
        }
        Ok(())
    }
}

statement! {
    /// What each client did in blocks of one length.
    Blocks { minutes: i32 => Integer, starts: Vec<i64> => Array<BigInt> }
    -> (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt) =
        "SELECT client, sum(requests)::bigint, sum(errors)::bigint, sum(timed)::bigint, sum(micros)::bigint, \
             max(last_seen) \
         FROM usage_block WHERE minutes = $1 AND start = ANY($2) AND client > 0 GROUP BY client"
}

async fn add_blocks(
    c: &mut AsyncPgConnection,
    term: Term,
    starts: BTreeSet<i64>,
    totals: &mut Totals,
) -> Result<(), Failure> {
    let blocks = Blocks { minutes: minutes(term.run.level), starts: starts.into_iter().collect() };
    let rows: Vec<(i64, i64, i64, i64, i64, i64)> = blocks.load(c).await?;
    for (client, requests, errors, timed, micros, last_seen) in rows {
        let counts = [requests, errors, timed, micros].map(i64::cast_unsigned);
        let client = ClientNo(client.cast_unsigned());
        totals.add(client, &Sums { counts, last_seen }, term.is_taken_away);
    }
    Ok(())
}
