//! What it was measured on, in a line.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

use crate::Outcome;
use crate::options::folder;
use crate::report::median;

/// Cores, processor, kernel, how busy it was before, and what durability costs on its disk.
pub fn describe() -> Outcome<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    // Linux only; elsewhere there is less to say.
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let kernel = read("/proc/sys/kernel/osrelease");
    let busy = read("/proc/loadavg");
    let busy = busy.split(' ').next().unwrap_or_default();
    Ok(format!(
        "Measured on {cores} cores ({model}), {} {}; load average before: {busy}; write and fdatasync of \
         4 KiB: {:.2} ms (median).",
        std::env::consts::OS,
        kernel.trim(),
        fdatasync()?
    ))
}

/// What a small durable write takes, in milliseconds.
fn fdatasync() -> Outcome<f64> {
    let folder = folder()?;
    let mut file = File::create(folder.path().join("probe"))?;
    let mut took = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        took.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(median(&took))
}
