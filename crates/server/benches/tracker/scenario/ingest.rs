//! POST /api/logs beside a handler that does nothing; and until all of it is in the database, beside
//! bare inserts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bare_insert;
use crate::Outcome;
use crate::bare::Bare;
use crate::load::{Measured, load};
use crate::options::{Options, folder};
use crate::report::{Line, Pairs, Unit, median, thousands};
use crate::rows::{Pace, Row, Rows};
use crate::storage::Storage;
use crate::template::Template;
use crate::tracker::Tracker;

/// After the backlog is drained, usage is still being compacted, which the next round must not feel.
const REST: Duration = Duration::from_millis(1_500);

/// What the drainer's batches grow to when it is behind.
const BATCH: usize = 5_000;

#[derive(Default)]
struct Rounds {
    requests: Pairs,
    events_stored: Pairs,
    events_accepted: Vec<f64>,
    p50: Pairs,
    p99: Pairs,
    drain_seconds: Vec<f64>,
    refused: u64,
}

/// Requests of so many events each.
pub async fn run(
    options: &Options,
    name: &'static str,
    events: usize,
    storage: &Storage,
) -> Outcome<Vec<Line>> {
    let tracker = Tracker::start(storage.place("ingest")?).await?;
    let bare = Bare::start()?;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let keys = tracker.register(options.connections).await?;
    let mut rows = Rows::new(options.connections * events + 1, Pace::Live(1_000))?;
    let last = rows.take(1)?.remove(0);
    let templates = templates(&keys, &mut rows, events)?;
    let rows = if options.quick { 20_000 } else { 200_000 };
    let rows = Arc::new(Rows::new(rows, Pace::Live(1_000))?.take(rows)?);
    let mut accepted = warm_up(options, &tracker, &bare, &templates).await?;
    accepted += tracker.settle(&keys[0], &last).await?;

    let mut rounds = Rounds::default();
    for _ in options.rounds(&format!("{events} event(s) a request")) {
        let baseline = load(bare.address, &templates, options.threads, options.round()).await?;
        if !baseline.refused.is_empty() {
            return Err(format!("the baseline answered {:?}", baseline.refused).into());
        }
        let subject = load(tracker.address, &templates, options.threads, options.round()).await?;
        let drained = drain(&tracker, &keys[0], &last, &mut accepted, &subject).await?;
        check(&tracker, &today, accepted).await?;
        tokio::time::sleep(REST).await;
        let inserted = bare_insert(&folder()?.path().join("bare.db"), &rows, BATCH).await?;
        rounds.add(&subject, &baseline, drained, inserted);
    }
    Ok(rounds.lines(name, accepted))
}

/// One client and one request a connection.
fn templates(keys: &[String], rows: &mut Rows, events: usize) -> Outcome<Vec<Template>> {
    keys.iter().map(|key| Ok(Template::logs(key, &rows.take(events)?, ""))).collect()
}

/// A short load that fills caches and is not measured, but counted.
async fn warm_up(options: &Options, tracker: &Tracker, bare: &Bare, templates: &[Template]) -> Outcome<u64> {
    let length = Duration::from_millis(300);
    load(bare.address, templates, options.threads, length).await?;
    Ok(load(tracker.address, templates, options.threads, length).await?.accepted)
}

async fn drain(
    tracker: &Tracker,
    key: &str,
    last: &Row,
    accepted: &mut u64,
    load: &Measured,
) -> Outcome<Duration> {
    let begun = Instant::now();
    *accepted += load.accepted + tracker.settle(key, last).await?;
    Ok(begun.elapsed())
}

/// What was accepted is counted: none lost, none twice.
async fn check(tracker: &Tracker, since: &str, accepted: u64) -> Outcome<()> {
    let counted = tracker.total(since).await?;
    if counted == accepted {
        return Ok(());
    }
    Err(format!("{accepted} events were accepted and {counted} are counted").into())
}

impl Rounds {
    fn add(&mut self, subject: &Measured, baseline: &Measured, drained: Duration, inserted: f64) {
        let until_stored = (subject.took + drained).as_secs_f64();
        self.requests.push(subject.rate(), baseline.rate());
        self.events_accepted.push(subject.accepted as f64 / subject.took.as_secs_f64());
        self.events_stored.push(subject.accepted as f64 / until_stored, inserted);
        self.p50.push(subject.percentile(50), baseline.percentile(50));
        self.p99.push(subject.percentile(99), baseline.percentile(99));
        self.drain_seconds.push(drained.as_secs_f64());
        self.refused += subject.refused.values().sum::<u64>();
    }

    fn lines(&self, name: &str, accepted: u64) -> Vec<Line> {
        let name = |what: &str| format!("{name}, {what}");
        let refused = match self.refused {
            0 => "none refused".to_owned(),
            refused => format!("**{refused} requests refused**"),
        };
        let count = format!(
            "{} events/s accepted; {} events in all, exactly as many counted; {refused}",
            thousands(median(&self.events_accepted)),
            thousands(accepted as f64)
        );
        let drain = format!(
            "over the load and {:.2} s more until all is stored; baseline: bare inserts, {} a transaction",
            median(&self.drain_seconds),
            thousands(BATCH as f64)
        );
        vec![
            self.requests.line(name("requests"), Unit::PerSecond, &count),
            self.p50.line(name("p50"), Unit::Millis, "under full load"),
            self.p99.line(name("p99"), Unit::Millis, "under full load"),
            self.events_stored.line(name("events stored"), Unit::PerSecond, &drain),
        ]
    }
}
