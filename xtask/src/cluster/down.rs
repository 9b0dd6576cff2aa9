//! `cargo xtask cluster down`: ends all parts and removes the folder.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use activity_testkit::is_busy;

use super::place::{Found, Place, Wish};
use crate::process::Outcome;

/// Time for the parts to end, one after the other; far more than they need.
const PATIENCE: Duration = Duration::from_mins(2);

/// Returns when nothing of it runs any more.
pub fn down(place: &Place, keep: bool) -> Outcome {
    let folder = place.folder().display();
    match place.look()? {
        Found::Nothing => {
            eprintln!("there is no cluster in {folder}");
            return Ok(());
        }
        Found::Foreign => return Err(format!("{folder} is not the folder of a cluster").into()),
        Found::Held => place.wish(Wish::Stop { keep })?,
        Found::Left => {}
    }
    // Where the holder was killed, watchers are at work on the parts.
    let parts = place.told().unwrap_or_default();
    let is_at_work = || parts.iter().any(|part| is_busy(&place.path(&part.name)));
    let begun = Instant::now();
    while place.look()? == Found::Held || is_at_work() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("it does not end; {} has the reason", place.path("log").display()).into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    if keep {
        eprintln!("the cluster has ended; data and logs are in {folder}");
    } else {
        fs::remove_dir_all(place.folder()).map_err(|error| format!("{folder}: {error}"))?;
        eprintln!("the cluster has ended, and {folder} is gone");
    }
    Ok(())
}
