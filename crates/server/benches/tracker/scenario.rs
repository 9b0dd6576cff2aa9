//! What is measured. Each scenario runs its subject and its baseline in turns and checks what came of it:
//! a fast wrong answer fails the run.

mod cache;
mod footprint;
mod import;
mod ingest;
mod limits;
mod postgres;
mod read;
mod redis_limits;
mod store;
mod streams;
mod verify;
mod views;

use std::path::Path;

use crate::Outcome;
use crate::bare_insert::BareInsert;
use crate::options::{Options, Scenario};
use crate::report::Line;
use crate::rows::Row;
use crate::storage::{self, Storage};

/// Runs a scenario.
pub async fn run(scenario: Scenario, options: &Options) -> Outcome<Vec<Line>> {
    match scenario {
        Scenario::IngestOne => ingest::run(options, "ingest-1", 1, &Storage::Embedded).await,
        Scenario::IngestHundred => ingest::run(options, "ingest-100", 100, &Storage::Embedded).await,
        Scenario::Store => store::run(options).await,
        Scenario::Import => import::run(options).await,
        Scenario::Read => read::run(options, "read", &Storage::Embedded).await,
        Scenario::Limits => limits::run(options).await,
        Scenario::RedisLimits => redis_limits::run(options).await,
        Scenario::Verify => verify::run(options).await,
        Scenario::Streams => streams::run(options).await,
        Scenario::Views => views::run(options).await,
        Scenario::Footprint => footprint::run(options).await,
        Scenario::Cache => cache::run(options, "cache", &Storage::Embedded).await,
        Scenario::RedisCache => {
            cache::run(options, "redis-cache", &Storage::Postgres(storage::postgres())).await
        }
        Scenario::Postgres => postgres::run(options).await,
        Scenario::PostgresIngest => {
            ingest::run(options, "postgres-ingest", 100, &Storage::Postgres(storage::postgres())).await
        }
        Scenario::PostgresRead => {
            read::run(options, "postgres-read", &Storage::Postgres(storage::postgres())).await
        }
    }
}

/// Bare inserts into a new database, in rows a second.
async fn bare_insert(file: &Path, rows: &std::sync::Arc<Vec<Row>>, size: usize) -> Outcome<f64> {
    let (file, rows) = (file.to_owned(), rows.clone());
    let work = tokio::task::spawn_blocking(move || {
        let mut bare = BareInsert::open(&file)?;
        let begun = std::time::Instant::now();
        bare.insert(&rows, size)?;
        Ok(rows.len() as f64 / begun.elapsed().as_secs_f64())
    });
    work.await?
}
