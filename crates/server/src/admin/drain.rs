//! `admin drain`: the spool of an instance that is gone, into the configured store.

use std::path::Path;
use std::sync::Arc;

use activity_domain::act::{Act, Action};
use activity_domain::port::{Clock, Upkeep};
use activity_ingest::disk::RealDisk;
use activity_ingest::segment::Segment;
use activity_ingest::{Drainer, Spool, SpoolConfig, Totals};
use tokio::sync::watch;

use super::{note, open};
use crate::cli::DrainOptions;
use crate::config::Settings;
use crate::system::{OsRandomness, SystemClock};
use crate::{Failure, contact, wire};

/// Drains a folder and says what became of what was in it.
pub async fn run(settings: &Settings, options: DrainOptions) -> Result<(), Failure> {
    let folder = options.spool;
    check(&folder)?;
    // Held by the spool from here on, so that its own server does not come back meanwhile.
    let config = SpoolConfig { folder: folder.clone(), max_bytes: settings.spool_max_bytes };
    let spool = Spool::open(&config, Arc::new(RealDisk), &OsRandomness)?;
    if settings.database.is_some() {
        let storage = wire::storage(settings).await?;
        contact::patiently(&storage).await?;
        return drain(settings, &spool, &storage, &folder).await;
    }
    if is_same(&folder, &wire::spool_folder(settings)) {
        let storage = wire::storage(settings).await?;
        return drain(settings, &spool, &storage, &folder).await;
    }
    let opened = open(settings).await?;
    drain(settings, &spool, &opened.storage, &folder).await
}

/// A mistyped folder must not be made, and a data folder is none.
fn check(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    if folder.join("lock").is_file() {
        return Ok(());
    }
    if folder.join("spool/lock").is_file() {
        return Err(format!("{shown} is a data folder; its spool is {shown}/spool").into());
    }
    Err(format!("{shown} is not a spool: there is no file `lock` in it").into())
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// As a server that is told to stop: until nothing is left, however long the store takes.
async fn drain(
    settings: &Settings,
    spool: &Spool,
    storage: &wire::Storage,
    folder: &Path,
) -> Result<(), Failure> {
    let act = Act::new(Action::SpoolDrain, None).about("spool", &folder.to_string_lossy());
    note(settings, storage, &act).await?;
    let drainer = Drainer::new(spool, storage.sink.clone(), wire::draining(settings));
    let totals = drainer.totals();
    let (_stop, stopped) = watch::channel(true);
    drainer.run(stopped).await;
    compact(storage.upkeep.as_ref()).await;
    crate::print(&account(&totals, folder))?;
    let left = std::fs::read_dir(folder)?.filter_map(Result::ok);
    match left.filter(|entry| Segment::recognise(&entry.path()).is_some()).count() {
        0 => Ok(()),
        // They would be drained again, which changes nothing.
        left => Err(format!("{left} segments in {} cannot be deleted", folder.display()).into()),
    }
}

/// Answers do not depend on it, so that a busy store is no failure.
async fn compact(upkeep: &dyn Upkeep) {
    loop {
        match upkeep.compact(SystemClock.now()).await {
            Ok(done) if done.more => {}
            Ok(_) => return,
            Err(error) => return tracing::warn!(%error, "not compacted; the server does it later"),
        }
    }
}

fn account(totals: &Totals, folder: &Path) -> String {
    let done = totals.appended();
    let damaged = totals.damaged();
    let note = if damaged > 0 { format!("  see {}/quarantine", folder.display()) } else { String::new() };
    // Only a store that promoted a standby makes these two more than nothing.
    let again = [("stored again", totals.replayed()), ("missing", totals.missing())];
    let again =
        again.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count, String::new()));
    let lines = [
        ("stored", done.stored, String::new()),
        ("duplicates", done.duplicate, String::new()),
        ("discarded", done.discarded, String::new()),
        ("set aside", done.set_aside, String::new()),
        ("damaged", damaged, note),
    ];
    let lines = lines.into_iter().chain(again);
    lines.map(|(name, count, note)| format!("  {name:<12}{count:>12}{note}")).collect::<Vec<_>>().join("\n")
}
