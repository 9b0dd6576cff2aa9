//! What the program takes by itself: its size, its memory before, under and after load, and the time of a start.

use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::http::Connection;
use crate::load::load;
use crate::options::Options;
use crate::process::{PROGRAM, Process, data, program};
use crate::report::Line;
use crate::rows::{Pace, Rows};
use crate::storage::Storage;
use crate::template::{Template, get};
use crate::tracker::Tracker;

const PATIENCE: Duration = Duration::from_secs(30);
/// Memory is looked at so often ...
const GLANCE: Duration = Duration::from_millis(250);
/// ... until it is the same so often in a row, within a hundredth.
const STEADY: usize = 4;
const CONNECTIONS: usize = 64;
/// Of each request.
const EVENTS: usize = 100;
/// Starts of which the middle one counts.
const STARTS: usize = 9;

pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let size = megabytes(fs::metadata(PROGRAM)?.len());
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start().await?.as_secs_f64() * 1_000.0);
    }
    let (mut idle, mut loaded, mut peak, mut after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in options.rounds("footprint") {
        let tracker = Tracker::start(Storage::Embedded.place("footprint")?).await?;
        idle.push(steady(tracker.pid()).await?);
        let keys = tracker.register(CONNECTIONS).await?;
        let mut rows = Rows::new(CONNECTIONS * EVENTS + 1, Pace::Live(1_000))?;
        let last = rows.take(1)?.remove(0);
        let templates = keys.iter().map(|key| Ok(Template::logs(key, &rows.take(EVENTS)?, "")));
        let templates = templates.collect::<Outcome<Vec<_>>>()?;
        let measured = load(tracker.address, &templates, options.threads, options.round()).await?;
        if !measured.refused.is_empty() {
            return Err(format!("{:?}", measured.refused).into());
        }
        loaded.push(memory(tracker.pid(), "VmRSS")?);
        tracker.settle(&keys[0], &last).await?;
        after.push(steady(tracker.pid()).await?);
        peak.push(memory(tracker.pid(), "VmHWM")?);
    }
    Ok(vec![
        Line::figure("footprint, size", &[size], "MB", "the release program as it is built; aim: below 30"),
        Line::figure(
            "footprint, start",
            &starts,
            "ms",
            "from spawn to 200 of /readyz, on empty data; aim: below 300",
        ),
        Line::figure("footprint, idle", &idle, "MB", "resident, once it is steady; aim: below 40"),
        Line::figure(
            "footprint, under load",
            &loaded,
            "MB",
            "resident, at the end of a round of 64 connections with 100 events a request",
        ),
        Line::figure("footprint, after load", &after, "MB", "resident, once all is stored and it is steady"),
        Line::figure("footprint, peak", &peak, "MB", "the most that was resident"),
    ])
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// How long a start takes, on empty data.
async fn start() -> Outcome<Duration> {
    let folder = Storage::Embedded.place("start")?.folder;
    let url = data(folder.path()).join("server.url");
    let begun = Instant::now();
    let process = Process::logged(&mut program(folder.path()), &folder.path().join("server.log"))?;
    loop {
        if let Some(address) =
            fs::read_to_string(&url).ok().and_then(|url| url.trim().strip_prefix("http://")?.parse().ok())
            && let Ok(mut connection) = Connection::open(address).await
            && connection.call(&get("/readyz", "")).await?.status == 200
        {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("the server is not ready: {}", process.last_words()).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Resident memory once it changes no more, in MB.
async fn steady(pid: u32) -> Outcome<f64> {
    let (begun, mut seen) = (Instant::now(), Vec::new());
    loop {
        let now = memory(pid, "VmRSS")?;
        seen.push(now);
        let last = &seen[seen.len().saturating_sub(STEADY)..];
        if last.len() == STEADY && last.iter().all(|before| (before - now).abs() <= now / 100.0) {
            return Ok(now);
        }
        if begun.elapsed() > PATIENCE {
            return Err("its memory does not come to rest".into());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// A line of `/proc/PID/status`, in MB.
fn memory(pid: u32, line: &str) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.trim_start_matches(':').trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.ok_or("no such line about memory")?.parse()?;
    Ok(megabytes(kilobytes * 1_024))
}
