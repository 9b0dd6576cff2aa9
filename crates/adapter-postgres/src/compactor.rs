//! Deltas into blocks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use activity_domain::error::StoreError;
use activity_domain::hygiene::{Named, Template, Verb};
use activity_domain::port::{Compacted, Purged, Retained, Upkeep};
use activity_domain::rollup::{ClientNo, Delta, Profile, Tally};
use activity_domain::span::{Level, Minute, hour_horizon, minute_horizon};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::{self, Blocks};
use crate::endpoint_blocks;
use crate::endpoint_names::{self, Names};
use crate::error::Failure;
use crate::locks::Lock;
use crate::pages::Pages;
use crate::pending::decode;
use crate::schema::usage_delta;
use crate::statement::statement;
use crate::store::PostgresStore;
use crate::{acts, changes, erase, late, tickets};

/// Entries folded in one transaction, which is what it holds in memory: some tens of megabytes. Nobody waits for
/// it, and the more are folded together, the fewer blocks are written twice.
const MAX_ENTRIES: i64 = 200_000;
/// Blocks deleted in one transaction.
const MAX_FORGOTTEN: i64 = 10_000;
/// Minutes, and hours of endpoints, are kept this much longer than questions rely on them, because the
/// question's clock and the compactor's differ.
const SLACK_MINUTES: i64 = 60;

#[async_trait]
impl Upkeep for PostgresStore {
    async fn compact(&self, now: Timestamp) -> Result<Compacted, StoreError> {
        self.make_days(&self.days.missing_ahead(now)).await?;
        let max_endpoints = self.max_endpoints();
        self.write(move |c| Box::pin(async move { compact(c, now, max_endpoints).await })).await
    }

    async fn retain(&self, from: Timestamp) -> Result<Retained, StoreError> {
        self.drop_before(from).await
    }

    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        let purged = self.write(move |c| {
            Box::pin(async move {
                changes::forget(c, now).await?;
                late::forget(c, now).await?;
                tickets::forget(c, now).await?;
                acts::forget(c, now).await?;
                erase::purge(c).await
            })
        });
        purged.await
    }
}

statement! {
    /// Takes deltas away.
    Take<'a> { seqs: &'a [i64] => Array<BigInt> } -> (BigInt, Binary) =
        "DELETE FROM usage_delta WHERE seq = ANY($1) RETURNING seq, increments"
}

async fn compact(
    c: &mut AsyncPgConnection,
    now: Timestamp,
    max_endpoints: usize,
) -> Result<Compacted, Failure> {
    if !Lock::Blocks.try_alone(c).await? {
        // Another instance is at it.
        return Ok(Compacted::default());
    }
    let (seqs, waiting) = next(c).await?;
    let mut fold = Fold::new(now, max_endpoints);
    if !seqs.is_empty() {
        let mut deltas: Vec<(i64, Vec<u8>)> = Take { seqs: &seqs }.load(c).await?;
        // Who has a name depends on their order.
        deltas.sort_by_key(|(seq, _)| *seq);
        for (seq, bytes) in &deltas {
            fold.add(c, decode(*seq, bytes)?).await?;
        }
    }
    let forgets_more = fold.forget_fine(c).await?;
    fold.write(c).await?;
    Ok(Compacted { deltas: seqs.len() as u64, waiting: Some(waiting), more: waiting > 0 || forgets_more })
}

/// The deltas that are folded next, and how many others there are.
async fn next(c: &mut AsyncPgConnection) -> QueryResult<(Vec<i64>, u64)> {
    let waiting = usage_delta::table.select((usage_delta::seq, usage_delta::entries));
    let rows: Vec<(i64, i64)> = waiting.order(usage_delta::seq).limit(MAX_ENTRIES).load(c).await?;
    let mut entries = 0;
    let fits = |(index, (_, size)): &(usize, &(i64, i64))| {
        entries += size;
        *index == 0 || entries <= MAX_ENTRIES
    };
    let taken: Vec<i64> = rows.iter().enumerate().take_while(fits).map(|(_, (seq, _))| *seq).collect();
    let others = (rows.len() - taken.len()) as u64;
    Ok((taken, others))
}

/// An endpoint's increments, with its name decided on.
struct Increment {
    hour: Minute,
    client: ClientNo,
    template: Template,
    named: Named,
    verb: Verb,
    tally: Tally,
}

/// What deltas add to blocks.
struct Fold {
    /// The first minute of which minutes are kept.
    minutes_from: Minute,
    /// The first minute of which hours of endpoints are kept.
    hours_from: Minute,
    names: Names,
    /// By minute; the longer blocks are made of these.
    usage: Blocks,
    endpoints: Vec<Increment>,
}

impl Fold {
    fn new(now: Timestamp, max_endpoints: usize) -> Self {
        Self {
            minutes_from: Minute(minute_horizon(now).0 - SLACK_MINUTES),
            // Not the horizon less the slack: it moves by a whole day at midnight.
            hours_from: hour_horizon(now.plus_seconds(-60 * SLACK_MINUTES)),
            names: Names::new(max_endpoints),
            usage: Blocks::new(),
            endpoints: Vec::new(),
        }
    }

    async fn add(&mut self, c: &mut AsyncPgConnection, delta: Delta) -> Result<(), Failure> {
        for (key, tally) in delta.endpoints {
            let Some(template) = delta.templates.get(key.template) else { continue };
            let named = self.names.name(c, key.hour, key.client, template).await?;
            let (hour, client, verb) = (key.hour, key.client, key.verb);
            self.endpoints.push(Increment { hour, client, template: template.clone(), named, verb, tally });
        }
        for (key, profile) in delta.clients {
            merge(&mut self.usage, key, profile);
        }
        Ok(())
    }

    async fn write(self, c: &mut AsyncPgConnection) -> Result<(), Failure> {
        let mut usage = self.usage;
        let mut everybody = Blocks::new();
        for ((minute, _), profile) in &usage {
            everybody.entry((*minute, ClientNo::EVERYBODY)).or_default().merge(profile);
        }
        usage.extend(everybody);
        let mut pages = Pages::default();
        for level in Level::ALL {
            usage = coarsen(usage, level);
            if level == Level::Minute {
                let kept = usage.range((self.minutes_from, ClientNo(0))..);
                let kept = kept.map(|(key, profile)| (*key, profile.clone())).collect();
                blocks::add(c, level, &kept, &mut pages).await?;
            } else {
                blocks::add(c, level, &usage, &mut pages).await?;
            }
        }
        pages.write(c).await?;
        write_endpoints(c, self.endpoints, self.hours_from).await
    }

    /// Whether there are more that are no longer needed.
    async fn forget_fine(&self, c: &mut AsyncPgConnection) -> QueryResult<bool> {
        let minutes = blocks::forget_minutes(c, self.minutes_from, MAX_FORGOTTEN).await?;
        let hours = endpoint_blocks::forget_hours(c, self.hours_from, MAX_FORGOTTEN).await?;
        Ok([minutes, hours].iter().any(|gone| i64::try_from(*gone).is_ok_and(|gone| gone >= MAX_FORGOTTEN)))
    }
}

/// Makes longer blocks of shorter ones.
fn coarsen(blocks: Blocks, level: Level) -> Blocks {
    let mut longer = Blocks::new();
    for ((start, client), profile) in blocks {
        merge(&mut longer, (level.block_of(start), client), profile);
    }
    longer
}

fn merge(blocks: &mut Blocks, key: (Minute, ClientNo), more: Profile) {
    match blocks.entry(key) {
        Entry::Vacant(place) => {
            place.insert(more);
        }
        Entry::Occupied(mut block) => block.get_mut().merge(&more),
    }
}

async fn write_endpoints(
    c: &mut AsyncPgConnection,
    increments: Vec<Increment>,
    hours_from: Minute,
) -> Result<(), Failure> {
    let named = increments.iter().filter(|increment| increment.named.for_client);
    let numbers = endpoint_names::numbers(c, named.map(|increment| &increment.template)).await?;
    let (mut hours, mut days) = (BTreeMap::new(), BTreeMap::new());
    for Increment { hour, client, template, named, verb, tally } in &increments {
        let number = |is_named: bool| {
            let number = if is_named { numbers.get(template.as_str()) } else { None };
            number.copied().unwrap_or(endpoint_names::OTHER)
        };
        let [own, all] = [named.for_client, named.for_everybody].map(number);
        for (client, endpoint) in [(*client, own), (ClientNo::EVERYBODY, all)] {
            let key = |level: Level| (client, level.block_of(*hour), endpoint, *verb);
            if *hour >= hours_from {
                hours.entry(key(Level::Hour)).or_insert_with(Tally::default).merge(tally);
            }
            days.entry(key(Level::Day)).or_insert_with(Tally::default).merge(tally);
        }
    }
    endpoint_blocks::add(c, Level::Hour, &hours).await?;
    endpoint_blocks::add(c, Level::Day, &days).await
}
