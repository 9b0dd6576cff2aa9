//! Usage over time.

use std::cmp::Reverse;

use activity_domain::error::StoreError;
use activity_domain::hygiene::OTHER;
use activity_domain::rollup::{ClientNo, Delta, Parts, Profile, Summary, Tally};
use activity_domain::span::{Minute, Span};
use activity_domain::usage::{Buckets, GroupBy, Kept, Pieces, Series, SeriesQuery};
use diesel_async::AsyncPgConnection;

use crate::blocks::SumsRow;
use crate::error::Failure;
use crate::pending::{deltas, profiles};
use crate::totals::totals;
use crate::{blocks, endpoints, numbers};

pub(crate) async fn series(
    c: &mut AsyncPgConnection,
    query: &SeriesQuery,
    max_endpoints: usize,
) -> Result<Vec<Series>, Failure> {
    let who = match &query.client {
        None => ClientNo::EVERYBODY,
        Some(id) => match numbers::find(c, id).await? {
            Some(no) => no,
            None if query.group == GroupBy::None => {
                return Ok(vec![Series::empty(None, query.buckets.len())]);
            }
            None => return Ok(Vec::new()),
        },
    };
    let (buckets, most) = (&query.buckets, query.max_groups());
    match query.group {
        GroupBy::None => Ok(vec![pieces(c, who, buckets).await?.whole()?]),
        GroupBy::Status => Ok(pieces(c, who, buckets).await?.by_class()?),
        GroupBy::Method => Ok(pieces(c, who, buckets).await?.by_verb()?),
        GroupBy::Client => Ok(Series::rank(by_client(c, buckets, most).await?, most)),
        GroupBy::Endpoint => {
            Ok(Series::rank(endpoints::series(c, who, buckets, most, max_endpoints).await?, most))
        }
    }
}

impl Kept for SumsRow {
    fn summary(&self) -> Result<Summary, StoreError> {
        self.summary()
    }

    fn parts(&self) -> Result<Parts, StoreError> {
        self.parts()
    }
}

/// What each bucket of a client, or of everybody, is made of.
async fn pieces<'a>(
    c: &mut AsyncPgConnection,
    who: ClientNo,
    buckets: &'a Buckets,
) -> Result<Pieces<'a, SumsRow>, Failure> {
    let mut pieces = Pieces::of(buckets);
    let runs = buckets.runs();
    for run in &runs {
        for block in blocks::sums(c, *run, who).await? {
            pieces.add(Minute(block.start), block);
        }
    }
    let deltas = deltas(c, buckets.span()).await?;
    for (minute, _) in waiting(&deltas, who, buckets.span()) {
        pieces.add_waiting(minute);
    }
    let Some(span) = pieces.wanting() else { return Ok(pieces) };
    // Buckets begin and end where blocks do, so that what is left of a run is a run.
    for run in runs.iter().filter_map(|run| run.within(span)) {
        blocks::for_each_profile(c, run, &[who], |start, _, profile| pieces.merge(start, &profile)).await?;
    }
    for (minute, profile) in waiting(&deltas, who, span) {
        pieces.merge(minute, profile);
    }
    Ok(pieces)
}

/// The busiest clients one by one. All others are what everybody did less what those did.
async fn by_client(
    c: &mut AsyncPgConnection,
    buckets: &Buckets,
    most: usize,
) -> Result<Vec<Series<Tally>>, Failure> {
    let totals = totals(c, buckets.span()).await?;
    let count = totals.iter().count();
    let leaders = totals.leaders(most)?;
    let ids = numbers::ids(c, leaders.iter().map(|(no, _)| *no)).await?;
    let named = |(no, total): (ClientNo, Summary)| Some((Reverse(total.requests), ids.get(&no)?.clone(), no));
    let mut ranked: Vec<_> = leaders.into_iter().filter_map(named).collect();
    ranked.sort();
    ranked.truncate(if count > most { most.saturating_sub(1) } else { most });
    let mut rest = tallies(c, ClientNo::EVERYBODY, buckets, OTHER.to_owned()).await?;
    let mut series = Vec::with_capacity(ranked.len() + 1);
    for (_, id, no) in &ranked {
        let own = tallies(c, *no, buckets, id.to_string()).await?;
        rest.points.iter_mut().zip(&own.points).for_each(|(rest, own)| rest.subtract(own));
        series.push(own);
    }
    if ranked.len() < count {
        series.push(rest);
    }
    Ok(series)
}

/// All of a client, or of everybody, with distributions.
async fn tallies(
    c: &mut AsyncPgConnection,
    who: ClientNo,
    buckets: &Buckets,
    group: String,
) -> Result<Series<Tally>, Failure> {
    let mut series = Series::empty(Some(group), buckets.len());
    let mut add = |minute: Minute, profile: &Profile| {
        if let Some(place) = buckets.place(minute) {
            profile.add_to(&mut series.points[place]);
            series.points[place].last_seen = None;
        }
    };
    for run in buckets.runs() {
        blocks::for_each_profile(c, run, &[who], |start, _, profile| add(start, &profile)).await?;
    }
    let span = buckets.span();
    for (minute, profile) in waiting(&deltas(c, span).await?, who, span) {
        add(minute, profile);
    }
    Ok(series)
}

/// What waits of a client, or of everybody.
fn waiting(deltas: &[Delta], who: ClientNo, span: Span) -> impl Iterator<Item = (Minute, &Profile)> {
    let only = (who != ClientNo::EVERYBODY).then_some(who);
    profiles(deltas, span, only).map(|(minute, _, profile)| (minute, profile))
}
