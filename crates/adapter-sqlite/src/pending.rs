//! Deltas that wait to be folded into blocks: few, for the compactor is seconds behind at most.

use std::collections::HashSet;

use activity_domain::hygiene::{Caps, Template, Verb};
use activity_domain::rollup::{ClientNo, Delta, EndpointKey, Profile, Tally};
use activity_domain::span::{Level, Minute, Span};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::endpoint_names;
use crate::error::{Failure, corrupt};
use crate::schema::usage_delta;

/// The deltas that touch a span, in the order in which they came.
pub(crate) fn deltas(c: &mut SqliteConnection, span: Span) -> Result<Vec<Delta>, Failure> {
    let rows: Vec<(i64, Vec<u8>)> = usage_delta::table
        .filter(usage_delta::last_minute.ge(span.from.0))
        .filter(usage_delta::first_minute.lt(span.to.0))
        .select((usage_delta::seq, usage_delta::increments))
        .order(usage_delta::seq)
        .load(c)?;
    rows.iter().map(|(seq, bytes)| decode(*seq, bytes)).collect()
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
pub(crate) fn endpoints(
    c: &mut SqliteConnection,
    span: Span,
    who: ClientNo,
    max_endpoints: usize,
) -> Result<Vec<Pending>, Failure> {
    let day = Level::Day.minutes();
    let days = Span { from: span.from.floor_to(day), to: span.to.ceil_to(day) };
    let mut caps = Caps::new(max_endpoints);
    let mut pending = Vec::new();
    for delta in deltas(c, days)? {
        for (key, tally) in &delta.endpoints {
            if who != ClientNo::EVERYBODY && who != key.client {
                continue;
            }
            let Some(template) = delta.templates.get(key.template) else { continue };
            let is_named = is_named(c, &mut caps, key, template, who)?;
            if span.contains(key.hour) {
                let endpoint = is_named.then(|| template.clone());
                pending.push(Pending { hour: key.hour, endpoint, verb: key.verb, tally: tally.clone() });
            }
        }
    }
    Ok(pending)
}

fn is_named(
    c: &mut SqliteConnection,
    caps: &mut Caps,
    key: &EndpointKey,
    template: &Template,
    who: ClientNo,
) -> Result<bool, Failure> {
    let load =
        |day, client| -> Result<HashSet<Template>, Failure> { Ok(endpoint_names::of_day(c, day, client)?) };
    if who == ClientNo::EVERYBODY {
        return Ok(caps.name(key.hour, key.client, template, load)?.for_everybody);
    }
    caps.name_for_client(key.hour, key.client, template, load)
}
