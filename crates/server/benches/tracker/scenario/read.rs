//! Answers about usage at several amounts of raw rows, with the same clients and days: their cost must not
//! follow the number of rows.

use std::time::Instant;

use serde_json::Value;

use super::store::{append, compact};
use crate::Outcome;
use crate::http::Connection;
use crate::load::percentile;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, thousands};
use crate::rows::{self, Pace, Rows};
use crate::storage::{Place, Storage};
use crate::template::get;
use crate::tracker::{Tracker, Walk, requests};

/// Settings that let every question reach the store.
pub(super) const UNCACHED: [(&str, &str); 2] = [("CACHE_TTL_USAGE_DAILY", "0"), ("CACHE_TTL_USAGE_TOP", "0")];
const DAYS: i64 = 7;
const BATCH: usize = 5_000;
/// So often the sizes take turns in a round.
const TURNS: usize = 20;

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

/// What is asked.
#[derive(Clone, Copy)]
enum Question {
    Daily,
    Top,
    Series,
    Endpoints,
}

impl Question {
    const ALL: [Self; 4] = [Self::Daily, Self::Top, Self::Series, Self::Endpoints];

    fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Top => "top",
            Self::Series => "series",
            Self::Endpoints => "endpoints",
        }
    }

    fn notes(self) -> String {
        match self {
            Self::Daily => format!("a page of {DAYS} days, at most 1,000 rows"),
            Self::Top => "the 3 busiest of the last 24 hours".to_owned(),
            Self::Series => "everybody by hours of 6 days and status".to_owned(),
            Self::Endpoints => "the 20 busiest of the last 24 hours".to_owned(),
        }
    }
}

/// A server with so many rows.
struct Size {
    rows: usize,
    tracker: Tracker,
    took: [Quantiles; Question::ALL.len()],
}

/// Milliseconds, a pair of quantiles a round.
#[derive(Default)]
struct Quantiles {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// For each plan, servers beside each other, asked in turns.
pub async fn run(options: &Options, name: &str, storage: &Storage) -> Outcome<Vec<Line>> {
    let plans: &[Plan] = if options.quick { &QUICK } else { &PLANS };
    let mut lines = Vec::new();
    for plan in plans {
        lines.extend(measure(options, plan, name, storage).await?);
    }
    Ok(lines)
}

async fn measure(options: &Options, plan: &Plan, name: &str, storage: &Storage) -> Outcome<Vec<Line>> {
    let calls = if options.quick { 70 } else { 1_000 };
    let pace = Pace::days(DAYS)?;
    let days = days(&pace);
    let mut sizes = Vec::new();
    for &rows in plan.amounts {
        // What is measured is the store.
        let empty = storage.place(&format!("read_{}_{rows}", plan.clients))?;
        let filled = fill(empty, Rows::of_clients(plan.clients, rows, pace.clone())?).await?;
        let tracker = Tracker::start_with(filled, &UNCACHED).await?;
        sizes.push(Size { rows, tracker, took: Default::default() });
    }
    // Fills caches and checks that the whole answer is there.
    round(&mut sizes, &days, calls).await?;
    for size in &mut sizes {
        size.took = Default::default();
    }
    for _ in options.rounds(&format!("{} clients", thousands(plan.clients as f64))) {
        round(&mut sizes, &days, calls).await?;
    }
    Ok(lines(name, plan, &sizes))
}

/// Asks each question so many times of each size, a few times in turn: whatever else the machine does for a
/// while meets all sizes alike.
async fn round(sizes: &mut [Size], days: &str, calls: usize) -> Outcome<()> {
    for (place, question) in Question::ALL.into_iter().enumerate() {
        let mut took = vec![Vec::with_capacity(calls); sizes.len()];
        for _ in 0..TURNS {
            for (size, took) in sizes.iter().zip(&mut took) {
                took.extend(size.ask(question, days, calls.div_ceil(TURNS)).await?);
            }
        }
        for (size, took) in sizes.iter_mut().zip(took) {
            size.took[place].add(took);
        }
    }
    Ok(())
}

/// Fills a place through the store and closes it.
pub(super) async fn fill(place: Place, mut source: Rows) -> Outcome<Place> {
    eprintln!("  storing {} rows", source.count());
    let store = place.store().await?;
    let mut first = 0;
    loop {
        let rows = source.take(BATCH)?;
        if rows.is_empty() {
            break;
        }
        append(&*store, &[rows::batch(&rows, first).into()]).await?;
        first += rows.len() as u64;
    }
    compact(&*store).await?;
    drop(store);
    Ok(place)
}

/// The days as a query: they stay the same when midnight passes.
fn days(pace: &Pace) -> String {
    let Pace::Days(days) = pace else { return String::new() };
    let date = |at: activity_domain::time::Timestamp| at.to_string().chars().take(10).collect::<String>();
    let [from, to] = [days.first(), days.last()].map(|day| day.map(|(start, _)| date(*start)));
    format!("from={}&to={}", from.unwrap_or_default(), to.unwrap_or_default())
}

impl Size {
    async fn ask(&self, question: Question, days: &str, calls: usize) -> Outcome<Vec<u32>> {
        match question {
            Question::Daily => self.daily(days, calls).await,
            Question::Top => self.repeat("/api/usage/top", "data", calls).await,
            Question::Series => {
                let from = rows::now()?.plus_seconds(-6 * 86_400);
                let path = format!("/api/usage/series?bucket=1h&groupBy=status&from={from}");
                self.repeat(&path, "series", calls).await
            }
            Question::Endpoints => self.repeat("/api/usage/endpoints?limit=20", "data", calls).await,
        }
    }

    /// Asks for all clients on all days, page after page, and over again.
    async fn daily(&self, days: &str, calls: usize) -> Outcome<Vec<u32>> {
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
        Ok(took)
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

/// The larger sizes beside the smallest.
fn lines(title: &str, plan: &Plan, sizes: &[Size]) -> Vec<Line> {
    let Some((smallest, larger)) = sizes.split_first() else { return Vec::new() };
    let clients = thousands(plan.clients as f64);
    let mut lines = Vec::new();
    for (place, question) in Question::ALL.into_iter().enumerate() {
        for size in larger {
            let rows = |size: &Size| thousands(size.rows as f64);
            let notes = format!("{}; baseline: {} rows", question.notes(), rows(smallest));
            let (subject, baseline) = (&size.took[place], &smallest.took[place]);
            for (percent, subject, baseline) in
                [("p50", &subject.p50, &baseline.p50), ("p99", &subject.p99, &baseline.p99)]
            {
                let mut pairs = Pairs::default();
                subject.iter().zip(baseline).for_each(|(subject, baseline)| pairs.push(*subject, *baseline));
                let name = question.name();
                let scenario = format!("{title}, {name}, {clients} clients, {} rows, {percent}", rows(size));
                lines.push(pairs.line(scenario, Unit::Millis, &notes));
            }
        }
    }
    lines
}
