//! `import --from-original`: clients and calls of the original service, as often as one likes.
//!
//! Ids follow from the original's, so that what was brought before is found there.

mod calls;
mod clients;
mod fields;
mod ids;
mod keys;
mod summary;

use std::sync::Arc;
use std::time::Instant;

use activity_adapter_postgres::Server;
use activity_adapter_postgres::original::{CallRow, Original};
use activity_domain::port::Clock;
use indicatif::{ProgressBar, ProgressStyle};

use self::clients::Clients;
use self::keys::Ring;
use self::summary::Summary;
use super::read::Place;
use super::rejects::Rejects;
use super::target::{Claim, Event, Target};
use crate::cli::{ImportOptions, OriginalOptions};
use crate::config::Settings;
use crate::system::{OsRandomness, SystemClock};
use crate::{Failure, contact, secrets, wire};

/// Runs the import from a database and prints its summary.
pub async fn run(settings: &Settings, options: ImportOptions, url: &str) -> Result<(), Failure> {
    let started = Instant::now();
    let ring = Ring::find(&options.original, settings)?;
    let original = Original::connect(&server(url)?).await?;
    let claim = Claim::take(settings)?;
    let storage = Arc::new(wire::storage(settings).await?);
    contact::now(&storage).await?;
    let addresses = wire::addresses(settings, &secrets::encryption(settings, &OsRandomness)?);
    let mut import = Import {
        settings,
        target: claim.target(storage.clone(), addresses),
        clients: clients(settings, &storage, ring, &options.original),
        rejects: Rejects::new(options.rejects),
        summary: Summary::default(),
    };
    import.clients(&original).await?;
    import.calls(&original).await?;
    import.target.finish().await?;
    import.rejects.finish()?;
    let Import { clients, rejects, summary, .. } = import;
    crate::print(&summary.render(&clients.counts, started.elapsed(), &rejects))
}

/// A URL, or `env:NAME` for one that is in the environment, where no list of processes shows its password.
fn server(url: &str) -> Result<Server, Failure> {
    let url = match url.strip_prefix("env:") {
        Some(name) => std::env::var(name).map_err(|_| format!("the environment has no {name}"))?,
        None => url.to_owned(),
    };
    Server::parse(url.trim()).map_err(|reason| format!("--from-original {reason}").into())
}

fn clients(
    settings: &Settings,
    storage: &wire::Storage,
    ring: Option<Ring>,
    options: &OriginalOptions,
) -> Clients {
    Clients::new(storage.clients.clone(), ring, options.without_keys, settings.api_rate_limit)
}

struct Import<'a> {
    settings: &'a Settings,
    target: Target,
    clients: Clients,
    rejects: Rejects,
    summary: Summary,
}

impl Import<'_> {
    async fn clients(&mut self, original: &Original) -> Result<(), Failure> {
        let mut pages = original.clients().await?;
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                return Ok(());
            }
            self.clients.bring(page, &mut self.rejects).await?;
        }
    }

    /// The next page is read while one is stored: two are in memory.
    async fn calls(&mut self, original: &Original) -> Result<(), Failure> {
        let bar = bar(original.size().await?);
        let mut pages = original.calls().await?;
        let mut page = pages.next().await?;
        while !page.is_empty() {
            bar.inc(page.len() as u64);
            let (next, stored) = tokio::join!(pages.next(), self.store(page));
            stored?;
            page = next?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    async fn store(&mut self, page: Vec<CallRow>) -> Result<(), Failure> {
        let now = SystemClock.now();
        let mut events = Vec::with_capacity(page.len());
        for row in page {
            let (raw, place) =
                (calls::line(&row), Place::Row { table: "api_logs", id: row.id.as_str().into() });
            let activity = self.clients.of(row.client_id.as_deref()).and_then(|client| {
                let activity = calls::activity(&row, client, &mut self.summary.left_out)?;
                // Whoever has both databases is no client.
                self.settings.age_policy.check(activity.at, now, false)?;
                Ok(activity)
            });
            match activity {
                Ok(activity) => {
                    self.summary.saw(activity.at);
                    events.push(Event { activity, place, raw });
                }
                Err(reason) => {
                    self.summary.rejected += 1;
                    self.rejects.write(&place, &reason, &raw)?;
                }
            }
        }
        self.clients.make_missing().await?;
        let sent = self.target.send(events).await?;
        for (event, reason) in sent.refused {
            self.summary.rejected += 1;
            self.rejects.write(&event.place, &reason, &event.raw)?;
        }
        self.summary.outcome.add(&sent.outcome);
        Ok(())
    }
}

/// Shows itself on a terminal only.
fn bar(total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = match total {
        Some(_) => "{bar:40} {percent}%  {human_pos} of about {human_len} rows  {per_sec}  {eta} left",
        None => "{spinner} {human_pos} rows  {per_sec}",
    };
    ProgressStyle::with_template(template).map_or(bar.clone(), |style| bar.with_style(style))
}
