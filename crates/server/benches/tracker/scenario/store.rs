//! Rows through the port that the drainer uses, beside bare inserts.

use std::sync::Arc;
use std::time::Instant;

use activity_adapter_sqlite::SqliteStore;
use activity_domain::port::{ActivitySink, Append, Batch, Upkeep};

use super::bare_insert;
use crate::Outcome;
use crate::options::{Options, folder};
use crate::report::{Line, Pairs, Unit, median, thousands};
use crate::rows::{self, Pace, Row, Rows};

/// Rows and how they are stored.
struct Plan {
    name: &'static str,
    pace: Pace,
    batch: usize,
}

/// Batches of three sizes as under load, and rows that are spread over a week: then nearly every row is
/// alone in its minute, and counting saves nothing.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    const LIVE: Pace = Pace::Live(1_000);
    let plans = [
        Plan { name: "batches of 100", pace: LIVE, batch: 100 },
        Plan { name: "batches of 1,000", pace: LIVE, batch: 1_000 },
        Plan { name: "batches of 5,000", pace: LIVE, batch: 5_000 },
        Plan { name: "batches of 5,000, rows of a week", pace: Pace::days(7)?, batch: 5_000 },
    ];
    let mut lines = Vec::new();
    for plan in plans {
        lines.extend(measure(options, plan).await?);
    }
    Ok(lines)
}

async fn measure(options: &Options, plan: Plan) -> Outcome<Vec<Line>> {
    let count = if options.quick { 20_000 } else { 200_000 };
    let rows: Arc<Vec<Row>> = Arc::new(Rows::new(count, plan.pace)?.take(count)?);
    let batches = rows::batches(&rows, plan.batch);
    let (mut appended, mut compacted) = (Pairs::default(), Pairs::default());
    let mut seconds = Vec::new();
    for _ in options.rounds(plan.name) {
        let bare = folder()?;
        let baseline = bare_insert(&bare.path().join("bare.db"), &rows, plan.batch).await?;
        drop(bare);

        let folder = folder()?;
        let store = SqliteStore::open(&folder.path().join("activity.db")).await?;
        let begun = Instant::now();
        append(&store, &batches).await?;
        let stored = begun.elapsed().as_secs_f64();
        compact(&store).await?;
        let both = begun.elapsed().as_secs_f64();
        appended.push(count as f64 / stored, baseline);
        compacted.push(count as f64 / both, baseline);
        seconds.push(both - stored);
    }
    let per_second = thousands(count as f64 / median(&seconds));
    let notes = format!("compaction alone: {:.2} s, {per_second} rows/s", median(&seconds));
    Ok(vec![
        appended.line(format!("store, {}", plan.name), Unit::PerSecond, ""),
        compacted.line(format!("store, {}, and compaction", plan.name), Unit::PerSecond, &notes),
    ])
}

/// Stores batches one after the other.
pub async fn append(store: &dyn ActivitySink, batches: &[Arc<Batch>]) -> Outcome<()> {
    for batch in batches {
        match store.append(batch).await? {
            Append::Stored(appended) if appended.stored == batch.records.len() as u64 => {}
            other => return Err(format!("not all rows were stored: {other:?}").into()),
        }
    }
    Ok(())
}

/// Compacts until nothing is left.
pub async fn compact(store: &dyn Upkeep) -> Outcome<()> {
    while store.compact(rows::now()?).await?.more {}
    Ok(())
}
