//! Rows through the port on Postgres, beside COPY of the same rows into the same table with the same indices.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Instant;

use activity_adapter_postgres::{Options as StoreOptions, PostgresStore, Server};
use activity_domain::activity::ResponseTime;
use activity_testkit::{Address, Postgres, Settings};
use tokio::task::block_in_place;

use super::store::{append, compact};
use crate::Outcome;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, median, thousands};
use crate::rows::{self, Pace, Row, Rows};

const LIVE: Pace = Pace::Live(1_000);
/// What the server does with memory and its log as one would set it up for this load, and what counts statements.
const CONFIGURATION: [(&str, &str); 4] = [
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("wal_compression", "on"),
    ("shared_preload_libraries", "pg_stat_statements"),
];

/// Rows, whose they are, and how they are stored.
struct Plan {
    clients: usize,
    batch: usize,
}

/// One server that waits for its disk; a database of its own for each side of each round.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let configuration = CONFIGURATION.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let settings = Settings { durable: true, configuration };
    let server = block_in_place(|| Postgres::with(&settings));
    let plans = [
        Plan { clients: 1_000, batch: 1_000 },
        Plan { clients: 1_000, batch: 5_000 },
        Plan { clients: 10_000, batch: 5_000 },
    ];
    let mut lines = Vec::new();
    for plan in plans {
        lines.extend(measure(options, &server, &plan).await?);
    }
    Ok(lines)
}

async fn measure(options: &Options, server: &Postgres, plan: &Plan) -> Outcome<Vec<Line>> {
    let count = if options.quick { 20_000 } else { 200_000 };
    let rows: Arc<Vec<Row>> = Arc::new(Rows::of_clients(plan.clients, count, LIVE)?.take(count)?);
    let batches = rows::batches(&rows, plan.batch);
    let name = format!("{} clients, batches of {}", thousands(plan.clients as f64), plan.batch);
    let (mut appended, mut compacted) = (Pairs::default(), Pairs::default());
    let (mut seconds, mut statements) = (Vec::new(), Vec::new());
    for round in options.rounds(&name) {
        let address = database(server, &format!("copied_{}_{}_{round}", plan.clients, plan.batch));
        let baseline = copy(&address, &rows).await?;

        let address = database(server, &format!("stored_{}_{}_{round}", plan.clients, plan.batch));
        let store = store(&address)?;
        store.ready().await?;
        block_in_place(|| {
            address.sql("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()")
        });
        let begun = Instant::now();
        append(&store, &batches).await?;
        let stored = begun.elapsed().as_secs_f64();
        compact(&store).await?;
        let both = begun.elapsed().as_secs_f64();
        block_in_place(|| check(&address, count))?;
        appended.push(count as f64 / stored, baseline);
        compacted.push(count as f64 / both, baseline);
        seconds.push(both - stored);
        statements.push(calls(&address)? / count as f64);
    }
    let notes = format!(
        "compaction alone: {:.2} s, {} rows/s; one statement for {:.0} rows",
        median(&seconds),
        thousands(count as f64 / median(&seconds)),
        1.0 / median(&statements),
    );
    Ok(vec![
        appended.line(format!("postgres, {name}"), Unit::PerSecond, "baseline: COPY"),
        compacted.line(format!("postgres, {name}, and compaction"), Unit::PerSecond, &notes),
    ])
}

fn database(server: &Postgres, name: &str) -> Address {
    block_in_place(|| server.sql(&format!("CREATE DATABASE {name}")));
    server.address().of(name)
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
            a.status.code(),
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
