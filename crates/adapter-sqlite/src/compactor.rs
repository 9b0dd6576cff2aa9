//! Deltas into blocks.

use std::collections::BTreeMap;

use activity_domain::error::StoreError;
use activity_domain::port::{Compacted, Purged, Upkeep};
use activity_domain::rollup::{ClientNo, Delta, Tally};
use activity_domain::sketch::Sketch;
use activity_domain::span::{Level, Minute, minute_horizon};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::block::Block;
use crate::error::{Failure, corrupt};
use crate::schema::{usage_block, usage_delta};
use crate::store::SqliteStore;
use crate::{changes, erase};

/// Entries folded in one transaction: a few tens of milliseconds in which no batch is stored.
const MAX_ENTRIES: i64 = 10_000;
/// Minute blocks are kept this much longer than questions rely on them, because the question's clock
/// and the compactor's differ.
const SLACK_MINUTES: i64 = 60;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn compact(&self, now: Timestamp) -> Result<Compacted, StoreError> {
        let kept_from = Minute(minute_horizon(now).0 - SLACK_MINUTES);
        self.write(move |c| compact(c, kept_from)).await
    }

    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        let purged = self.write(move |c| {
            changes::forget(c, now)?;
            let swept = erase::sweep(c)?;
            if swept.more { Ok(swept) } else { Ok(erase::scrub(c)?) }
        });
        let purged = purged.await?;
        if !purged.more {
            self.maintain(|c| Ok(erase::empty_log(c)?)).await?;
        }
        Ok(purged)
    }
}

type Blocks = BTreeMap<(Level, Minute, ClientNo), Tally>;

fn compact(c: &mut SqliteConnection, kept_from: Minute) -> Result<Compacted, Failure> {
    let rows: Vec<(i64, i64)> = usage_delta::table
        .select((usage_delta::seq, usage_delta::entries))
        .order(usage_delta::seq)
        .limit(MAX_ENTRIES)
        .load(c)?;
    let mut blocks = Blocks::new();
    let (mut deltas, mut entries, mut last) = (0u64, 0, 0);
    for (seq, size) in &rows {
        if deltas > 0 && entries + size > MAX_ENTRIES {
            break;
        }
        let bytes: Vec<u8> = usage_delta::table.find(seq).select(usage_delta::increments).first(c)?;
        let delta = Delta::decode(&bytes).map_err(|e| corrupt("usage_delta", "increments", seq, &e))?;
        fold(&mut blocks, &delta, kept_from);
        (deltas, entries, last) = (deltas + 1, entries + size, *seq);
    }
    for (key, tally) in &blocks {
        add(c, *key, tally)?;
    }
    diesel::delete(usage_delta::table.filter(usage_delta::seq.le(last))).execute(c)?;
    let old = usage_block::minutes.eq(Level::Minute.minutes()).and(usage_block::start.lt(kept_from.0));
    diesel::delete(usage_block::table.filter(old)).execute(c)?;
    Ok(Compacted { deltas, more: deltas < rows.len() as u64 })
}

fn fold(blocks: &mut Blocks, delta: &Delta, kept_from: Minute) {
    for ((minute, client), tally) in &delta.entries {
        for level in Level::ALL {
            if level != Level::Minute || *minute >= kept_from {
                blocks.entry((level, level.block_of(*minute), *client)).or_default().merge(tally);
            }
        }
    }
}

fn add(c: &mut SqliteConnection, key: (Level, Minute, ClientNo), tally: &Tally) -> Result<(), Failure> {
    let (level, start, client) = key;
    let key = (level.minutes(), start.0, client.0.cast_signed());
    let sketch = if level.has_sketch() { Some(merged_sketch(c, key, &tally.sketch)?) } else { None };
    Block::new(key, tally, sketch).add(c)?;
    Ok(())
}

fn merged_sketch(c: &mut SqliteConnection, key: (i64, i64, i64), fresh: &Sketch) -> Result<Vec<u8>, Failure> {
    let row = usage_block::table.find(key).select(usage_block::sketch);
    let Some(Some(bytes)) = row.first::<Option<Vec<u8>>>(c).optional()? else { return Ok(fresh.encode()) };
    let mut sketch = Sketch::decode(&bytes)
        .map_err(|error| corrupt("usage_block", "sketch", &format_args!("{key:?}"), &error))?;
    sketch.merge(fresh);
    Ok(sketch.encode())
}
