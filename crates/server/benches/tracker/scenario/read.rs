//! Answers about usage at several amounts of raw rows, with the same clients and days: their cost must not
//! follow the number of rows.

use std::time::Instant;

use activity_adapter_sqlite::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;

use super::store::{append, compact};
use crate::Outcome;
use crate::http::Connection;
use crate::load::percentile;
use crate::options::{Options, folder};
use crate::process::database;
use crate::report::{Line, Pairs, Unit, thousands};
use crate::rows::{self, Pace, Rows};
use crate::template::get;
use crate::tracker::{Tracker, Walk, requests};

/// Settings that let every question reach the store.
pub(super) const UNCACHED: [(&str, &str); 2] = [("CACHE_TTL_USAGE_DAILY", "0"), ("CACHE_TTL_USAGE_TOP", "0")];
const DAYS: i64 = 7;
const BATCH: usize = 5_000;

/// Amounts of rows of the same clients on the same days.
struct Plan {
    clients: usize,
    amounts: &'static [usize],
}

/// A hundred clients call in nearly every hour, however few rows there are. Of a thousand, most do not at the
/// least amount: there are more blocks where there are more rows, until each client has one everywhere.
const PLANS: [Plan; 2] = [
    Plan { clients: 100, amounts: &[100_000, 1_000_000, 10_000_000] },
    Plan { clients: 1_000, amounts: &[100_000, 1_000_000] },
];
const QUICK: [Plan; 1] = [Plan { clients: 100, amounts: &[10_000, 30_000, 100_000] }];

/// A server with so many rows.
struct Size {
    rows: usize,
    tracker: Tracker,
    daily: Quantiles,
    top: Quantiles,
    series: Quantiles,
    endpoints: Quantiles,
}

/// Milliseconds, a pair of quantiles a round.
#[derive(Default)]
struct Quantiles {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// For each plan, servers beside each other, asked in turns.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let plans: &[Plan] = if options.quick { &QUICK } else { &PLANS };
    let mut lines = Vec::new();
    for plan in plans {
        lines.extend(measure(options, plan).await?);
    }
    Ok(lines)
}

async fn measure(options: &Options, plan: &Plan) -> Outcome<Vec<Line>> {
    let calls = if options.quick { 70 } else { 1_000 };
    let pace = Pace::days(DAYS)?;
    let days = days(&pace);
    let mut sizes = Vec::new();
    for &rows in plan.amounts {
        // What is measured is the store.
        let folder = fill(Rows::of_clients(plan.clients, rows, pace.clone())?).await?;
        let tracker = Tracker::start_with(folder, &UNCACHED).await?;
        let [daily, top, series, endpoints] = std::array::from_fn(|_| Quantiles::default());
        sizes.push(Size { rows, tracker, daily, top, series, endpoints });
    }
    for size in &mut sizes {
        // Fills caches and checks that the whole answer is there.
        size.ask_all(&days, calls).await?;
        size.forget();
    }
    for _ in options.rounds(&format!("{} clients", thousands(plan.clients as f64))) {
        for size in &mut sizes {
            size.ask_all(&days, calls).await?;
        }
    }
    Ok(lines(plan, &sizes))
}

/// Fills a database through the store and closes it.
pub(super) async fn fill(mut source: Rows) -> Outcome<TempDir> {
    eprintln!("  storing {} rows", source.count());
    let folder = folder()?;
    let store = SqliteStore::open(&database(folder.path())).await?;
    let mut first = 0;
    loop {
        let rows = source.take(BATCH)?;
        if rows.is_empty() {
            break;
        }
        append(&store, &[rows::batch(&rows, first).into()]).await?;
        first += rows.len() as u64;
    }
    compact(&store).await?;
    drop(store);
    Ok(folder)
}

/// The days as a query: they stay the same when midnight passes.
fn days(pace: &Pace) -> String {
    let Pace::Days(days) = pace else { return String::new() };
    let date = |at: activity_domain::time::Timestamp| at.to_string().chars().take(10).collect::<String>();
    let [from, to] = [days.first(), days.last()].map(|day| day.map(|(start, _)| date(*start)));
    format!("from={}&to={}", from.unwrap_or_default(), to.unwrap_or_default())
}

impl Size {
    async fn ask_all(&mut self, days: &str, calls: usize) -> Outcome<()> {
        self.daily(days, calls).await?;
        self.top(calls).await?;
        self.series(calls).await?;
        self.endpoints(calls).await
    }

    /// Asks for all clients on all days, page after page, and over again.
    async fn daily(&mut self, days: &str, calls: usize) -> Outcome<()> {
        let mut connection = Connection::open(self.tracker.address).await?;
        let mut walk = Walk::daily(days);
        let (mut took, mut counted) = (Vec::with_capacity(calls), 0);
        let mut is_whole = true;
        while took.len() < calls || !is_whole {
            let page = ask(&mut connection, &get(&walk.path, &self.tracker.admin), &mut took).await?;
            counted += requests(&page);
            is_whole = walk.next(&page);
            if is_whole && counted != self.rows as u64 {
                return Err(format!("of {} rows, {counted} are counted", self.rows).into());
            }
            if is_whole {
                counted = 0;
            }
        }
        self.daily.add(took);
        Ok(())
    }

    /// Asks for the busiest clients of the last day.
    async fn top(&mut self, calls: usize) -> Outcome<()> {
        let took = self.repeat("/api/usage/top", "data", calls).await?;
        self.top.add(took);
        Ok(())
    }

    /// Asks for everybody by hours of the last six days, told apart by status.
    async fn series(&mut self, calls: usize) -> Outcome<()> {
        let from = rows::now()?.plus_seconds(-6 * 86_400);
        let path = format!("/api/usage/series?bucket=1h&groupBy=status&from={from}");
        let took = self.repeat(&path, "series", calls).await?;
        self.series.add(took);
        Ok(())
    }

    /// Asks for the busiest endpoints of the last day.
    async fn endpoints(&mut self, calls: usize) -> Outcome<()> {
        let took = self.repeat("/api/usage/endpoints?limit=20", "data", calls).await?;
        self.endpoints.add(took);
        Ok(())
    }

    async fn repeat(&self, path: &str, list: &str, calls: usize) -> Outcome<Vec<u32>> {
        let mut connection = Connection::open(self.tracker.address).await?;
        let request = get(path, &self.tracker.admin);
        let mut took = Vec::with_capacity(calls);
        while took.len() < calls {
            let answer = ask(&mut connection, &request, &mut took).await?;
            if answer[list].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("{path} has an empty answer").into());
            }
        }
        Ok(took)
    }

    fn forget(&mut self) {
        for quantiles in [&mut self.daily, &mut self.top, &mut self.series, &mut self.endpoints] {
            *quantiles = Quantiles::default();
        }
    }
}

pub(super) async fn ask(connection: &mut Connection, request: &[u8], took: &mut Vec<u32>) -> Outcome<Value> {
    let begun = Instant::now();
    let response = connection.call(request).await?;
    took.push(u32::try_from(begun.elapsed().as_micros())?);
    if response.status != 200 {
        return Err(format!("a question was answered {}", response.status).into());
    }
    Ok(serde_json::from_slice(response.body)?)
}

impl Quantiles {
    fn add(&mut self, mut took: Vec<u32>) {
        took.sort_unstable();
        self.p50.push(percentile(&took, 50));
        self.p99.push(percentile(&took, 99));
    }
}

type Question<'a> = (&'a str, fn(&Size) -> &Quantiles, &'a str);

/// The larger sizes beside the smallest.
fn lines(plan: &Plan, sizes: &[Size]) -> Vec<Line> {
    let Some((smallest, larger)) = sizes.split_first() else { return Vec::new() };
    let clients = thousands(plan.clients as f64);
    let daily = format!("a page of {DAYS} days, at most 1,000 rows");
    let questions: [Question<'_>; 4] = [
        ("daily", |size| &size.daily, &daily),
        ("top", |size| &size.top, "the 3 busiest of the last 24 hours"),
        ("series", |size| &size.series, "everybody by hours of 6 days and status"),
        ("endpoints", |size| &size.endpoints, "the 20 busiest of the last 24 hours"),
    ];
    let mut lines = Vec::new();
    for (name, quantiles, notes) in questions {
        for size in larger {
            let rows = |size: &Size| thousands(size.rows as f64);
            let notes = format!("{notes}; baseline: {} rows", rows(smallest));
            let (subject, baseline) = (quantiles(size), quantiles(smallest));
            for (percent, subject, baseline) in
                [("p50", &subject.p50, &baseline.p50), ("p99", &subject.p99, &baseline.p99)]
            {
                let mut pairs = Pairs::default();
                subject.iter().zip(baseline).for_each(|(subject, baseline)| pairs.push(*subject, *baseline));
                let scenario = format!("read, {name}, {clients} clients, {} rows, {percent}", rows(size));
                lines.push(pairs.line(scenario, Unit::Millis, &notes));
            }
        }
    }
    lines
}
