//! Usage over time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use activity_domain::hygiene::{OTHER, StatusClass, Verb};
use activity_domain::rollup::{ClientNo, Delta, Parts, Profile, Summary, Tally};
use activity_domain::span::{Level, Minute, Run, Span};
use activity_domain::usage::{Buckets, GroupBy, Series, SeriesQuery};
use diesel_async::AsyncPgConnection;

use crate::blocks::SumsRow;
use crate::error::Failure;
use crate::pending::{deltas, profiles};
use crate::usage::{leaders, totals};
use crate::{blocks, endpoints, numbers};

/// A bucket of more blocks than this is put together from runs instead, which read fewer.
const MAX_BLOCKS_A_BUCKET: i64 = 24;

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
        GroupBy::None => Ok(vec![whole(c, who, buckets).await?]),
        GroupBy::Status => by_part(c, who, buckets, |parts| named(parts.classes, StatusClass::as_str)).await,
        GroupBy::Method => by_part(c, who, buckets, |parts| named(parts.verbs, Verb::as_str)).await,
        GroupBy::Client => Ok(Series::rank(by_client(c, buckets, most).await?, most)),
        GroupBy::Endpoint => {
            Ok(Series::rank(endpoints::series(c, who, buckets, most, max_endpoints).await?, most))
        }
    }
}

/// All of a client, or of everybody.
async fn whole(c: &mut AsyncPgConnection, who: ClientNo, buckets: &Buckets) -> Result<Series, Failure> {
    let mut series = Series::empty(None, buckets.len());
    for (point, piece) in series.points.iter_mut().zip(pieces(c, who, buckets).await?) {
        let summary = match piece {
            Piece::Nothing => continue,
            Piece::Block(block) => block.summary()?,
            Piece::Several(profile) => Summary::from(&profile.total()),
        };
        *point = Summary { last_seen: None, ..summary };
    }
    Ok(series)
}

type Named = Vec<(&'static str, Summary)>;

fn named<K>(parts: BTreeMap<K, Summary>, name: impl Fn(K) -> &'static str) -> Named {
    parts.into_iter().map(|(key, summary)| (name(key), summary)).collect()
}

/// Told apart by what blocks keep sums of: a few status classes or methods.
async fn by_part(
    c: &mut AsyncPgConnection,
    who: ClientNo,
    buckets: &Buckets,
    part: impl Fn(Parts) -> Named,
) -> Result<Vec<Series>, Failure> {
    let mut groups: BTreeMap<&str, Series> = BTreeMap::new();
    for (place, piece) in pieces(c, who, buckets).await?.into_iter().enumerate() {
        let parts = match piece {
            Piece::Nothing => continue,
            Piece::Block(block) => block.parts()?,
            Piece::Several(profile) => Parts::from(&profile),
        };
        for (name, summary) in part(parts) {
            let new = || Series::empty(Some(name.to_owned()), buckets.len());
            groups.entry(name).or_insert_with(new).points[place] = summary;
        }
    }
    Ok(Series::in_order(groups.into_values().collect()))
}

/// What a bucket is made of.
enum Piece {
    Nothing,
    /// One block, whose sums are the answer.
    Block(SumsRow),
    /// Several blocks or deltas, put together.
    Several(Profile),
}

/// What each bucket is made of.
async fn pieces(c: &mut AsyncPgConnection, who: ClientNo, buckets: &Buckets) -> Result<Vec<Piece>, Failure> {
    let mut pieces: Vec<Piece> = buckets.iter().map(|_| Piece::Nothing).collect();
    let runs = runs(buckets);
    for run in &runs {
        for block in blocks::sums(c, *run, who).await? {
            let Some(place) = buckets.place(Minute(block.start)) else { continue };
            let is_first = matches!(pieces[place], Piece::Nothing);
            pieces[place] = if is_first { Piece::Block(block) } else { Piece::Several(Profile::default()) };
        }
    }
    let deltas = deltas(c, buckets.span()).await?;
    for (minute, _) in waiting(&deltas, who, buckets.span()) {
        let Some(place) = buckets.place(minute) else { continue };
        if !matches!(pieces[place], Piece::Several(_)) {
            pieces[place] = Piece::Several(Profile::default());
        }
    }
    let Some(span) = span_of_several(&pieces, buckets) else { return Ok(pieces) };
    let mut add = |minute: Minute, profile: &Profile| {
        if let Some(Piece::Several(whole)) = buckets.place(minute).and_then(|place| pieces.get_mut(place)) {
            whole.merge(profile);
        }
    };
    // Buckets begin and end where blocks do, so that what is left of a run is a run.
    for run in runs.iter().filter_map(|run| run.within(span)) {
        blocks::for_each_profile(c, run, &[who], |start, _, profile| add(start, &profile)).await?;
    }
    for (minute, profile) in waiting(&deltas, who, span) {
        add(minute, profile);
    }
    Ok(pieces)
}

/// From the first to the last bucket that has to be put together: most often the last alone.
fn span_of_several(pieces: &[Piece], buckets: &Buckets) -> Option<Span> {
    let is_several = |(_, piece): &(Span, &Piece)| matches!(piece, Piece::Several(_));
    let mut several = buckets.iter().zip(pieces).filter(is_several).map(|(span, _)| span);
    let first = several.next()?;
    Some(Span { from: first.from, to: several.last().unwrap_or(first).to })
}

/// The busiest clients one by one. All others are what everybody did less what those did.
async fn by_client(
    c: &mut AsyncPgConnection,
    buckets: &Buckets,
    most: usize,
) -> Result<Vec<Series<Tally>>, Failure> {
    let totals = totals(c, buckets.span()).await?;
    let count = totals.len();
    let leaders = leaders(totals, most);
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
    for run in runs(buckets) {
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
