//! Deltas that wait to be folded into blocks: few, for the compactor is seconds behind at most.

use std::collections::BTreeSet;

use activity_domain::hygiene::{Template, Verb};
use activity_domain::rollup::{ClientNo, Delta, EndpointKey, Profile, Tally};
use activity_domain::span::{Level, Minute, Span};
use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::endpoint_names::Names;
use crate::error::{Failure, corrupt};
use crate::statement::statement;

statement! {
    /// The deltas that touch a span, in the order in which they came.
    Deltas { from: i64 => BigInt, to: i64 => BigInt } -> (BigInt, Binary) =
        "SELECT seq, increments FROM usage_delta WHERE last_minute >= $1 AND first_minute < $2 ORDER BY seq"
}

/// The deltas that touch a span, in the order in which they came.
pub(crate) async fn deltas(c: &mut AsyncPgConnection, span: Span) -> Result<Vec<Delta>, Failure> {
    let rows: Vec<(i64, Vec<u8>)> = Deltas { from: span.from.0, to: span.to.0 }.load(c).await?;
    rows.iter().map(|(seq, bytes)| decode(*seq, bytes)).collect()
}

statement! {
    /// Which minutes the deltas that wait are about.
    Bounds {} -> (BigInt, BigInt, BigInt) = "SELECT seq, first_minute, last_minute FROM usage_delta"
}

statement! {
    /// Some of the deltas that wait.
    These<'a> { seqs: &'a [i64] => Array<BigInt> } -> (BigInt, Binary) =
        "SELECT seq, increments FROM usage_delta WHERE seq = ANY($1)"
}

/// Days of UTC on which a client, or anybody, may have something waiting. What is about a day or two is not
/// read for it.
pub(crate) async fn days(c: &mut AsyncPgConnection, who: ClientNo) -> Result<BTreeSet<Minute>, Failure> {
    let (mut days, mut seqs) = (BTreeSet::new(), Vec::new());
    for (seq, first, last) in (Bounds {}).load::<(i64, i64, i64)>(c).await? {
        let [first, last] = [first, last].map(|minute| Level::Day.block_of(Minute(minute)));
        if last.0 - first.0 <= Level::Day.minutes() {
            days.extend([first, last]);
        } else {
            seqs.push(seq);
        }
    }
    if seqs.is_empty() {
        return Ok(days);
    }
    for (seq, bytes) in (These { seqs: &seqs }).load::<(i64, Vec<u8>)>(c).await? {
        let delta = decode(seq, &bytes)?;
        let minutes = delta.clients.keys().filter(|(_, no)| who == ClientNo::EVERYBODY || who == *no);
        days.extend(minutes.map(|(minute, _)| Level::Day.block_of(*minute)));
    }
    Ok(days)
}

pub(crate) fn decode(seq: i64, bytes: &[u8]) -> Result<Delta, Failure> {
    Delta::decode(bytes).map_err(|error| corrupt("usage_delta", "increments", &seq, &error).into())
}

/// The profiles of a client, or of all clients, within a span.
pub(crate) fn profiles(
    deltas: &[Delta],
    span: Span,
    only: Option<ClientNo>,
) -> impl Iterator<Item = (Minute, ClientNo, &Profile)> {
    deltas.iter().flat_map(move |delta| delta.profiles(span, only))
}

/// What an endpoint did in an hour; `None` is all that are not counted by name.
pub(crate) struct Pending {
    pub hour: Minute,
    pub endpoint: Option<Template>,
    pub verb: Verb,
    pub tally: Tally,
}

/// The endpoints of a client, or of everybody, within a span, under the names that the compactor will give
/// them. Those depend on everything that waits for a day, so deltas of whole days are looked at.
pub(crate) async fn endpoints(
    c: &mut AsyncPgConnection,
    span: Span,
    who: ClientNo,
    max_endpoints: usize,
) -> Result<Vec<Pending>, Failure> {
    let day = Level::Day.minutes();
    let days = Span { from: span.from.floor_to(day), to: span.to.ceil_to(day) };
    let mut names = Names::new(max_endpoints);
    let mut pending = Vec::new();
    for delta in deltas(c, days).await? {
        for (key, tally) in &delta.endpoints {
            if who != ClientNo::EVERYBODY && who != key.client {
                continue;
            }
            let Some(template) = delta.templates.get(key.template) else { continue };
            let is_named = is_named(c, &mut names, key, template, who).await?;
            if span.contains(key.hour) {
                let endpoint = is_named.then(|| template.clone());
                pending.push(Pending { hour: key.hour, endpoint, verb: key.verb, tally: tally.clone() });
            }
        }
    }
    Ok(pending)
}

async fn is_named(
    c: &mut AsyncPgConnection,
    names: &mut Names,
    key: &EndpointKey,
    template: &Template,
    who: ClientNo,
) -> QueryResult<bool> {
    if who == ClientNo::EVERYBODY {
        return Ok(names.name(c, key.hour, key.client, template).await?.for_everybody);
    }
    names.name_for_client(c, key.hour, key.client, template).await
}
