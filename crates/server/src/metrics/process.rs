//! The process and the program. Names are those that Prometheus's own libraries use.

use std::fmt;
use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::page::Page;
use crate::traces::TraceCounts;

/// The commit, where whoever builds says it.
const COMMIT: Option<&str> = option_env!("ACTIVITY_COMMIT");

pub fn write(page: &mut Page<'_>, traces: Option<&TraceCounts>) -> fmt::Result {
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("commit", COMMIT.unwrap_or("unknown"))];
    page.info("activity_build", "The program", &labels)?;
    if let Some(traces) = traces {
        let spans = [("sent", traces.sent.get()), ("failed", traces.failed.get())];
        let spans = spans.map(|(outcome, count)| ([("outcome", outcome)], count));
        page.counters("activity_trace_spans", "Spans, by what became of them", spans)?;
    }
    match Stat::read() {
        Some(stat) => process(page, &stat),
        // Another system keeps such numbers elsewhere.
        None => Ok(()),
    }
}

fn process(page: &mut Page<'_>, stat: &Stat) -> fmt::Result {
    page.counter("process_cpu_seconds", "CPU time, of users and of the system", stat.cpu_seconds)?;
    page.gauge("process_resident_memory_bytes", "Memory", stat.resident_bytes)?;
    page.gauge("process_virtual_memory_bytes", "Address space", stat.virtual_bytes)?;
    page.gauge("process_threads", "Threads", stat.threads)?;
    page.gauge("process_start_time_seconds", "When it began, since 1970", stat.started)?;
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    page.gauge("process_open_fds", "Open files and connections", open as u64)?;
    let most = getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |most| most as f64);
    page.gauge("process_max_fds", "The most of them", most)
}

/// What the system says in `/proc`.
struct Stat {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
    started: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?, &fs::read_to_string("/proc/stat").ok()?)
    }

    /// From the line about the process, and what is said of the system.
    fn parse(own: &str, system: &str) -> Option<Self> {
        // The name stands in parentheses, and may have some itself. What follows is counted from the state on, which
        // is the third field.
        let fields: Vec<&str> = own.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let booted =
            system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<u64>().ok()?;
        let ticks = clock_ticks_per_second() as f64;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
            threads: field(20)?,
            started: booted as f64 + field(22)? as f64 / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_size() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let own = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 600 4096 3 1844 1 1";
        let stat = Stat::parse(own, "cpu  1 2\nbtime 1000\nctxt 3\n").unwrap();
        let ticks = clock_ticks_per_second() as f64;
        assert_eq!((stat.cpu_seconds * ticks, stat.threads, stat.virtual_bytes), (300.0, 9, 4_096));
        assert_eq!(stat.resident_bytes, 3 * page_size() as u64);
        assert!(((stat.started - 1_000.0) * ticks - 600.0).abs() < 1e-6);
    }

    #[test]
    fn this_process_is_read() {
        let stat = Stat::read().unwrap();
        assert!(stat.resident_bytes > 1 << 20 && stat.threads > 0 && stat.started > 1.7e9);
    }
}
