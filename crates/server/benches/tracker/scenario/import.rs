//! `activity-tracker import` of a web server's log, beside bare inserts of as many rows.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use activity_domain::activity::Text;
use tempfile::TempDir;

use super::bare_insert;
use crate::Outcome;
use crate::bare_insert::count;
use crate::options::{Options, Scenario, folder};
use crate::process::{PROGRAM, Process, data, database, program};
use crate::report::{Line, Pairs, Unit};
use crate::rows::{Pace, Row, Rows};

const BATCH: usize = 5_000;

/// A log in the combined format, of the last week.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    if !Command::new(PROGRAM).args(["import", "--help"]).output()?.status.success() {
        return Ok(vec![Line::note(Scenario::Import, "not available in this build")]);
    }
    let lines = if options.quick { 20_000 } else { 200_000 };
    let rows = Arc::new(Rows::new(lines, Pace::days(7)?)?.take(lines)?);
    let logs = folder()?;
    let log = logs.path().join("access.log");
    let bytes = write(&log, &rows)?;
    let mut pairs = Pairs::default();
    for _ in options.rounds("import") {
        let bare = folder()?;
        let baseline = bare_insert(&bare.path().join("bare.db"), &rows, BATCH).await?;
        drop(bare);
        pairs.push(import(&folder()?, &log, lines).await?, baseline);
    }
    let notes = format!(
        "{lines} lines of {} bytes, from the start of the program to its end; baseline: bare inserts of as \
         many rows",
        bytes / lines as u64
    );
    Ok(vec![pairs.line("import, lines", Unit::PerSecond, &notes)])
}

/// One run of the subcommand, in lines a second.
async fn import(folder: &TempDir, log: &Path, lines: usize) -> Outcome<f64> {
    std::fs::create_dir_all(data(folder.path()))?;
    let mut command = program(folder.path());
    command.args(["import", "--format", "combined", "--client-by", "ip"]).arg(log);
    let begun = Instant::now();
    let mut process = Process::logged(&mut command, &folder.path().join("import.log"))?;
    let status = process.ended().await?;
    let took = begun.elapsed();
    if !status.success() {
        return Err(format!("the import ended with {status}: {}", process.last_words()).into());
    }
    let stored = count(&database(folder.path()))?;
    if stored != lines as u64 {
        return Err(format!("{lines} lines became {stored} rows: {}", process.last_words()).into());
    }
    Ok(lines as f64 / took.as_secs_f64())
}

/// Writes rows as a log, and gives its length in bytes.
fn write(path: &Path, rows: &[Row]) -> Outcome<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    for Row { activity: a, .. } in rows {
        let ip = a.ip.ok_or("a row without an address")?;
        let time = jiff::Timestamp::from_microsecond(a.at.as_micros())?.strftime("%d/%b/%Y:%H:%M:%S +0000");
        writeln!(
            file,
            "{ip} - - [{time}] \"{} {} HTTP/1.1\" {} {} \"-\" \"{}\"",
            a.method.as_str(),
            a.endpoint.as_str(),
            a.status.stored(),
            a.response_bytes.unwrap_or_default(),
            a.user_agent.as_ref().map_or("-", Text::as_str),
        )?;
    }
    file.flush()?;
    Ok(std::fs::metadata(path)?.len())
}
