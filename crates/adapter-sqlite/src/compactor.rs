//! Deltas into blocks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use activity_domain::error::StoreError;
use activity_domain::hygiene::{Caps, Verb};
use activity_domain::port::{Compacted, Purged, Retained, Upkeep};
use activity_domain::rollup::{ClientNo, Delta, Profile, Summary, Tally};
use activity_domain::span::{Level, Minute, hour_horizon, minute_horizon};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::block::{EndpointBlock, UsageBlock};
use crate::blocks;
use crate::endpoint_names::{self, EndpointNumbers};
use crate::error::Failure;
use crate::page::Pages;
use crate::pending::decode;
use crate::retention;
use crate::schema::usage_delta;
use crate::store::SqliteStore;
use crate::{acts, changes, erase, tickets};

/// Entries folded in one transaction: a few tens of milliseconds in which no batch is stored.
const MAX_ENTRIES: i64 = 10_000;
/// Minutes, and hours of endpoints, are kept this much longer than questions rely on them, because the
/// question's clock and the compactor's differ.
const SLACK_MINUTES: i64 = 60;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn compact(&self, now: Timestamp) -> Result<Compacted, StoreError> {
        let blocks = Blocks::new(now, self.max_endpoints);
        self.write(move |c| compact(c, blocks)).await
    }

    async fn retain(&self, from: Timestamp) -> Result<Retained, StoreError> {
        self.write(move |c| retention::retain(c, from)).await
    }

    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        let purged = self.write(move |c| {
            changes::forget(c, now)?;
            tickets::forget(c, now)?;
            acts::forget(c, now)?;
            let swept = erase::sweep(c)?;
            if swept.more || !erase::unname_endpoints(c)? {
                return Ok(swept);
            }
            Ok(erase::scrub(c)?)
        });
        let purged = purged.await?;
        if !purged.more {
            self.maintain(|c| Ok(erase::empty_log(c)?)).await?;
        }
        Ok(purged)
    }
}

fn compact(c: &mut SqliteConnection, mut blocks: Blocks) -> Result<Compacted, Failure> {
    let rows: Vec<(i64, i64)> = usage_delta::table
        .select((usage_delta::seq, usage_delta::entries))
        .order(usage_delta::seq)
        .limit(MAX_ENTRIES)
        .load(c)?;
    let (mut deltas, mut entries, mut last) = (0u64, 0, 0);
    for (seq, size) in &rows {
        if deltas > 0 && entries + size > MAX_ENTRIES {
            break;
        }
        let bytes: Vec<u8> = usage_delta::table.find(seq).select(usage_delta::increments).get_result(c)?;
        blocks.fold(c, decode(*seq, &bytes)?)?;
        (deltas, entries, last) = (deltas + 1, entries + size, *seq);
    }
    diesel::delete(usage_delta::table.filter(usage_delta::seq.le(last))).execute(c)?;
    let forgets_more = blocks.forget_fine(c)?;
    blocks.write(c)?;
    let waiting = rows.len() as u64 - deltas;
    Ok(Compacted { deltas, waiting: Some(waiting), more: waiting > 0 || forgets_more })
}

/// Deletes blocks of before a minute, so many at most. Whether there are more.
fn forget(
    c: &mut SqliteConnection,
    table: &str,
    key: &str,
    level: Level,
    before: Minute,
) -> QueryResult<bool> {
    let deleted = diesel::sql_query(format!(
        "DELETE FROM {table} WHERE ({key}) IN \
         (SELECT {key} FROM {table} WHERE minutes = ? AND start < ? ORDER BY start LIMIT {MAX_ENTRIES})"
    ))
    .bind::<BigInt, _>(level.minutes())
    .bind::<BigInt, _>(before.0)
    .execute(c)?;
    Ok(i64::try_from(deleted).is_ok_and(|deleted| deleted == MAX_ENTRIES))
}

/// What deltas add to blocks, in the order of the blocks' keys.
struct Blocks {
    /// The first minute of which minutes are kept.
    minutes_from: Minute,
    /// The first minute of which hours of endpoints are kept.
    hours_from: Minute,
    caps: Caps,
    numbers: EndpointNumbers,
    /// By minute; the longer blocks are made of these.
    usage: Fresh,
    endpoints: BTreeMap<(Level, Minute, ClientNo, i64, Verb), Tally>,
}

impl Blocks {
    fn new(now: Timestamp, max_endpoints: usize) -> Self {
        Self {
            minutes_from: Minute(minute_horizon(now).0 - SLACK_MINUTES),
            // Not the horizon less the slack: it moves by a whole day at midnight.
            hours_from: hour_horizon(now.plus_seconds(-60 * SLACK_MINUTES)),
            caps: Caps::new(max_endpoints),
            numbers: EndpointNumbers::default(),
            usage: BTreeMap::new(),
            endpoints: BTreeMap::new(),
        }
    }

    fn fold(&mut self, c: &mut SqliteConnection, delta: Delta) -> Result<(), Failure> {
        self.fold_endpoints(c, &delta)?;
        for (key, profile) in delta.clients {
            add(&mut self.usage, key, profile);
        }
        Ok(())
    }

    fn fold_endpoints(&mut self, c: &mut SqliteConnection, delta: &Delta) -> Result<(), Failure> {
        for (key, tally) in &delta.endpoints {
            let Some(template) = delta.templates.get(key.template) else { continue };
            let load = |day, client| endpoint_names::of_day(c, day, client);
            let named = self.caps.name(key.hour, key.client, template, load)?;
            let number = if named.for_client { self.numbers.of(c, template)? } else { endpoint_names::OTHER };
            let for_everybody = if named.for_everybody { number } else { endpoint_names::OTHER };
            for level in [Level::Hour, Level::Day] {
                if level == Level::Hour && key.hour < self.hours_from {
                    continue;
                }
                let start = level.block_of(key.hour);
                for (client, endpoint) in [(key.client, number), (ClientNo::EVERYBODY, for_everybody)] {
                    self.endpoints
                        .entry((level, start, client, endpoint, key.verb))
                        .or_default()
                        .merge(tally);
                }
            }
        }
        Ok(())
    }

    fn write(self, c: &mut SqliteConnection) -> Result<(), Failure> {
        let mut blocks = self.usage;
        let mut everybody = Fresh::new();
        for ((minute, _), profile) in &blocks {
            everybody.entry((*minute, ClientNo::EVERYBODY)).or_default().merge(profile);
        }
        blocks.extend(everybody);
        let mut pages = Pages::default();
        for level in Level::ALL {
            blocks = coarsen(blocks, level);
            for ((start, client), fresh) in &blocks {
                if level == Level::Minute && *start < self.minutes_from {
                    continue;
                }
                let whole = add_to_block(c, (level, *start, *client), fresh)?;
                if *client != ClientNo::EVERYBODY {
                    pages.set(level, *start, *client, whole);
                }
            }
        }
        pages.write(c)?;
        for ((level, start, client, endpoint, verb), tally) in &self.endpoints {
            let key = (level.minutes(), start.0, client.0.cast_signed(), *endpoint, verb.code().into());
            EndpointBlock::new(key, tally).add(c)?;
        }
        Ok(())
    }

    /// Whether there are more that are no longer needed.
    fn forget_fine(&self, c: &mut SqliteConnection) -> QueryResult<bool> {
        let key = "minutes, start, client";
        let minutes = forget(c, "usage_block", key, Level::Minute, self.minutes_from)?;
        let pages = forget(c, "usage_page", "minutes, start, page", Level::Minute, self.minutes_from)?;
        let key = "minutes, start, client, endpoint, verb";
        let hours = forget(c, "endpoint_block", key, Level::Hour, self.hours_from)?;
        Ok(minutes || pages || hours)
    }
}

type Fresh = BTreeMap<(Minute, ClientNo), Profile>;

fn add(blocks: &mut Fresh, key: (Minute, ClientNo), more: Profile) {
    match blocks.entry(key) {
        Entry::Vacant(place) => {
            place.insert(more);
        }
        Entry::Occupied(mut block) => block.get_mut().merge(&more),
    }
}

/// Makes longer blocks of shorter ones.
fn coarsen(blocks: Fresh, level: Level) -> Fresh {
    let mut longer = Fresh::new();
    for ((start, client), profile) in blocks {
        add(&mut longer, (level.block_of(start), client), profile);
    }
    longer
}

/// Adds to a block and says what is in it then.
fn add_to_block(
    c: &mut SqliteConnection,
    (level, start, client): (Level, Minute, ClientNo),
    fresh: &Profile,
) -> Result<Summary, Failure> {
    let key = (level.minutes(), start.0, client.0.cast_signed());
    let mut whole = blocks::profile(c, key)?.unwrap_or_default();
    whole.merge(fresh);
    let summary = Summary::from(&whole.total());
    UsageBlock::new(key, &whole, &summary).put(c)?;
    Ok(summary)
}
