//! `import`: access logs, or the tables of the original service, into the store, with constant memory, as often as one
//! likes.
//!
//! Of logs, a thread reads and parses; meanwhile the batch before is stored. Events get their ids from the
//! line and its occurrence, so a second run finds everything there already.

mod clients;
mod original;
mod read;
mod rejects;
mod summary;
mod target;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use activity_domain::port::Clock;
use indicatif::{ProgressBar, ProgressStyle};

use self::clients::Owners;
use self::read::{Batch, reading};
use self::rejects::Rejects;
use self::summary::Summary;
use self::target::{Claim, Target};
use crate::cli::ImportOptions;
use crate::config::{Host, Settings};
use crate::system::{OsRandomness, SystemClock};
use crate::{Failure, contact, secrets, wire};

/// Runs an import and prints its summary.
pub async fn run(settings: &Settings, options: ImportOptions) -> Result<(), Failure> {
    if let Some(url) = options.from_original.clone() {
        return original::run(settings, options, &url).await;
    }
    let started = Instant::now();
    // First the claim: the database of a running server is not ours to migrate.
    let claim = Claim::take(settings)?;
    let storage = Arc::new(wire::storage(settings).await?);
    contact::now(&storage).await?;
    let addresses = wire::addresses(settings, &secrets::encryption(settings, &OsRandomness)?);
    let mut target = claim.target(storage.clone(), addresses.clone());
    let clients = storage.clients.clone();
    // The command line insists on it.
    let client_by = options.client_by.unwrap_or_default();
    let mut owners = Owners::new(&client_by, clients, addresses, settings.api_rate_limit).await?;
    let mut rejects = Rejects::new(options.rejects);
    let mut summary = Summary::new(options.files.len());
    let (mut batches, progress) = reading(&options.files, options.format, settings.data_dir.clone())?;
    let bar = bar(progress.total);
    while let Some(batch) = batches.recv().await {
        store(batch?, settings, &mut owners, &mut target, &mut rejects, &mut summary).await?;
        bar.set_position(progress.read());
    }
    target.finish().await?;
    rejects.finish()?;
    bar.finish_and_clear();
    summary.clients(&owners);
    crate::print(&summary.render(started.elapsed(), &rejects, &server(settings)))
}

/// Where the server of these settings is, or will be.
fn server(settings: &Settings) -> String {
    let running = std::fs::read_to_string(wire::url_file(settings)).ok();
    running.unwrap_or_else(|| {
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        match &settings.host {
            Host::Ip(ip) => format!("{scheme}://{}", SocketAddr::new(*ip, settings.port)),
            Host::Name(name) => format!("{scheme}://{name}:{}", settings.port),
        }
    })
}

/// Stores a batch; the lines of it that cannot be stored go with those that could not be read.
async fn store(
    batch: Batch,
    settings: &Settings,
    owners: &mut Owners,
    target: &mut Target,
    rejects: &mut Rejects,
    summary: &mut Summary,
) -> Result<(), Failure> {
    for reject in batch.rejects {
        rejects.write(&reject.place, &reject.reason, &reject.raw)?;
    }
    let now = SystemClock.now();
    let mut events = Vec::with_capacity(batch.lines.len());
    for line in batch.lines {
        let checked = settings.age_policy.check(line.entry.at, now, false);
        let owner = checked.and_then(|()| owners.of(&line.entry));
        match owner {
            Ok(owner) => {
                summary.saw(line.entry.at);
                events.push(target::Event {
                    activity: line.entry.into_activity(owner, line.id),
                    place: line.place,
                    raw: line.raw,
                });
            }
            Err(reason) => rejects.write(&line.place, &reason, &line.raw)?,
        }
    }
    owners.make_missing().await?;
    let sent = target.send(events).await?;
    for (event, reason) in sent.refused {
        rejects.write(&event.place, &reason, &event.raw)?;
    }
    summary.add(&sent.outcome);
    Ok(())
}

/// Shows itself on a terminal only.
fn bar(total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = "{bar:40} {percent}%  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) if total.is_some() => bar.with_style(style),
        _ => bar,
    }
}
