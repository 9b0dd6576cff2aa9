//! GET /api/verify beside a handler that does nothing, under full load and at half of that.

use std::time::Duration;

use crate::Outcome;
use crate::bare::Bare;
use crate::load::{Measured, load, paced};
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, median, thousands};
use crate::storage::Storage;
use crate::template::Template;
use crate::tracker::Tracker;

/// A gateway has few connections, which it keeps.
const CONNECTIONS: usize = 64;

pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let place = Storage::Embedded.place("verify")?;
    let tracker = Tracker::start_with(place, &[("TRUSTED_PROXIES", "127.0.0.1/32")]).await?;
    let bare = Bare::start()?;
    let keys = tracker.register(CONNECTIONS).await?;
    let templates: Vec<Template> = keys.iter().map(|key| Template::verify(key)).collect();
    let threads = options.threads;
    load(tracker.address, &templates, threads, Duration::from_millis(300)).await?;

    let (mut requests, mut p99, mut half) = (Pairs::default(), Pairs::default(), Pairs::default());
    let mut rates = Vec::new();
    for _ in options.rounds("verify") {
        let baseline = all_taken(load(bare.address, &templates, threads, options.round()).await?)?;
        let subject = all_taken(load(tracker.address, &templates, threads, options.round()).await?)?;
        requests.push(subject.rate(), baseline.rate());
        p99.push(subject.percentile(99), baseline.percentile(99));
        let interval = Duration::from_secs_f64(2.0 * CONNECTIONS as f64 / subject.rate());
        let baseline = all_taken(paced(bare.address, &templates, threads, options.round(), interval).await?)?;
        let subject =
            all_taken(paced(tracker.address, &templates, threads, options.round(), interval).await?)?;
        half.push(subject.percentile(99), baseline.percentile(99));
        rates.push(subject.rate());
    }
    let note = format!("at {} requests/s", thousands(median(&rates)));
    Ok(vec![
        requests.line("verify, requests", Unit::PerSecond, "all passed; 64 connections and clients"),
        p99.line("verify, p99", Unit::Millis, "under full load"),
        half.line("verify, p99 at half the load", Unit::Millis, &note),
    ])
}

fn all_taken(measured: Measured) -> Outcome<Measured> {
    if measured.refused.is_empty() { Ok(measured) } else { Err(format!("{:?}", measured.refused).into()) }
}
