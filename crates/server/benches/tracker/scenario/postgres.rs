//! Rows through the port on Postgres, beside COPY of the same rows into the same table with the same indices.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_postgres::{Options as StoreOptions, PostgresStore, Server};
use activity_domain::activity::ResponseTime;
use activity_domain::port::Batch;
use activity_testkit::{Address, Postgres};
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::store::{append, compact};
use crate::Outcome;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, median, thousands};
use crate::rows::{self, Pace, Row, Rows};
use crate::storage;

/// As often as the server folds deltas.
const INTERVAL: Duration = Duration::from_secs(1);

/// Rows, whose they are, how many happened a second, and how they are stored.
struct Plan {
    rows: usize,
    clients: usize,
    pace: u64,
    batch: usize,
}

impl Plan {
    fn name(&self) -> String {
        let Self { rows, clients, pace, batch } = self;
        let [rows, clients, pace, batch] =
            [*rows as f64, *clients as f64, *pace as f64, *batch as f64].map(thousands);
        format!("{rows} rows of {pace}/s, {clients} clients, batches of {batch}")
    }
}

/// One server that waits for its disk; a database of its own for each side of each round.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let server = storage::postgres();
    // As they come in at about the speed at which they are stored; and a backlog of some minutes.
    let plans = [
        Plan { rows: 500_000, clients: 1_000, pace: 50_000, batch: 1_000 },
        Plan { rows: 2_000_000, clients: 1_000, pace: 50_000, batch: 5_000 },
        Plan { rows: 500_000, clients: 1_000, pace: 50_000, batch: 5_000 },
        Plan { rows: 500_000, clients: 10_000, pace: 50_000, batch: 5_000 },
        Plan { rows: 500_000, clients: 1_000, pace: 1_000, batch: 5_000 },
    ];
    let mut lines = Vec::new();
    for plan in plans {
        lines.extend(measure(options, &server, &plan).await?);
    }
    Ok(lines)
}

async fn measure(options: &Options, server: &Postgres, plan: &Plan) -> Outcome<Vec<Line>> {
    let count = if options.quick { plan.rows / 10 } else { plan.rows };
    let rows: Arc<Vec<Row>> =
        Arc::new(Rows::of_clients(plan.clients, count, Pace::Live(plan.pace))?.take(count)?);
    let batches = rows::batches(&rows, plan.batch);
    let (mut appended, mut compacted) = (Pairs::default(), Pairs::default());
    let (mut seconds, mut statements) = (Vec::new(), Vec::new());
    for _ in options.rounds(&plan.name()) {
        let copied = Scratch::new(server, "copied");
        let baseline = copy(&copied.address, &rows).await?;
        drop(copied);

        let scratch = Scratch::new(server, "appended");
        let store = store(&scratch.address)?;
        store.ready().await?;
        let begun = Instant::now();
        append(&store, &batches).await?;
        appended.push(count as f64 / begun.elapsed().as_secs_f64(), baseline);
        let begun = Instant::now();
        compact(&store).await?;
        seconds.push(begun.elapsed().as_secs_f64());
        block_in_place(|| check(&scratch.address, count))?;
        drop((store, scratch));

        let scratch = Scratch::new(server, "stored");
        compacted.push(count as f64 / together(&scratch.address, &batches).await?, baseline);
        block_in_place(|| check(&scratch.address, count))?;
        statements.push(calls(&scratch.address)? / count as f64);
    }
    let notes = format!(
        "at the same time, until all is compacted; compaction alone: {} rows/s; one statement for {:.0} rows",
        thousands(count as f64 / median(&seconds)),
        1.0 / median(&statements),
    );
    Ok(vec![
        appended.line(format!("postgres, {}", plan.name()), Unit::PerSecond, "baseline: COPY"),
        compacted.line(format!("postgres, {}, compacted", plan.name()), Unit::PerSecond, &notes),
    ])
}

/// Stores and compacts at the same time, as a server does. Seconds until all is stored and compacted.
async fn together(address: &Address, batches: &[Arc<Batch>]) -> Outcome<f64> {
    let store = store(address)?;
    store.ready().await?;
    block_in_place(|| address.sql("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()"));
    let begun = Instant::now();
    let (stop, mut stopped) = watch::channel(false);
    let compactor = tokio::spawn({
        let store = store.clone();
        async move {
            while timeout(INTERVAL, stopped.wait_for(|stop| *stop)).await.is_err() {
                compact(&store).await.map_err(|error| error.to_string())?;
            }
            compact(&store).await.map_err(|error| error.to_string())
        }
    });
    append(&store, batches).await?;
    stop.send_replace(true);
    compactor.await??;
    Ok(begun.elapsed().as_secs_f64())
}

/// A database that is dropped with it.
struct Scratch<'a> {
    server: &'a Postgres,
    address: Address,
}

impl<'a> Scratch<'a> {
    fn new(server: &'a Postgres, name: &str) -> Self {
        block_in_place(|| server.sql(&format!("CREATE DATABASE {name}")));
        Self { server, address: server.address().of(name) }
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.address.database);
        block_in_place(|| self.server.sql(&drop));
    }
}

fn store(address: &Address) -> Outcome<PostgresStore> {
    Ok(PostgresStore::new(StoreOptions::new(Server::parse(&address.url())?)))
}

/// COPY by the server itself, from a file on its disk: rows a second.
async fn copy(address: &Address, rows: &[Row]) -> Outcome<f64> {
    // Stores the first and the last, so that their days are there.
    let ends: Vec<Row> = rows.iter().take(1).chain(rows.last()).cloned().collect();
    append(&store(address)?, &[rows::batch(&ends, 0).into()]).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rows");
    fs::write(&file, lines(rows)?)?;
    // The server has another account.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    fs::set_permissions(&file, Permissions::from_mode(0o644))?;
    block_in_place(|| {
        address.sql("TRUNCATE activity; CHECKPOINT");
        let begun = Instant::now();
        address.sql(&format!("COPY activity FROM '{}'", file.display()));
        let took = begun.elapsed().as_secs_f64();
        Ok(rows.len() as f64 / took)
    })
}

/// The rows in the text format of COPY.
fn lines(rows: &[Row]) -> Outcome<String> {
    let mut text = String::new();
    let or_null = |number: Option<u64>| number.map_or_else(|| "\\N".to_owned(), |number| number.to_string());
    for Row { client, activity: a } in rows {
        let took = or_null(a.response_time.map(ResponseTime::as_micros));
        let ip = a.ip.map_or_else(|| "\\N".to_owned(), |ip| ip.to_string());
        let agent = a.user_agent.as_ref().map_or("\\N", |agent| agent.as_str());
        let (asked, answered) = (or_null(a.request_bytes), or_null(a.response_bytes));
        writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{took}\t{ip}\t{agent}\t{asked}\t{answered}\t\\N\t\\N\t\\N",
            a.at.as_micros(),
            client + 1,
            a.id.0,
            a.endpoint.as_str(),
            a.method.as_str(),
            a.status.stored(),
        )?;
    }
    Ok(text)
}

/// All rows are there, and all that is counted is counted.
fn check(address: &Address, count: usize) -> Outcome<()> {
    let rows = address.sql("SELECT count(*) FROM activity");
    let counted =
        address.sql("SELECT coalesce(sum(requests), 0) FROM usage_block WHERE minutes = 1440 AND client = 0");
    if rows == count.to_string() && counted == rows {
        return Ok(());
    }
    Err(format!("of {count} rows, {rows} are stored and {counted} are counted").into())
}

/// Statements that the database was given since it was made.
fn calls(address: &Address) -> Outcome<f64> {
    let calls = block_in_place(|| {
        address.sql(
            "SELECT sum(calls) FROM pg_stat_statements \
             WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    });
    Ok(calls.parse()?)
}
