//! Answers about closed days and ranges: a server with its cache beside one without, and with counting by
//! key beside without. All of them hold the same rows and have to give the same answers. On Postgres they have Redis too.

use activity_testkit::Redis;
use serde_json::Value;
use tokio::task::block_in_place;

use super::read::{UNCACHED, ask, fill};
use crate::Outcome;
use crate::http::Connection;
use crate::load::percentile;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, thousands};
use crate::rows::{CLIENTS, Pace, Rows};
use crate::storage::Storage;
use crate::template::get;
use crate::tracker::{Tracker, Walk, requests};

/// Closed ones, without today.
const DAYS: i64 = 7;

/// A server and what it took, in milliseconds: medians of rounds.
struct Side {
    tracker: Tracker,
    daily: Vec<f64>,
    top: Vec<f64>,
}

/// The questions, and what the answers have to count.
struct Questions {
    days: String,
    top: String,
    rows: u64,
    calls: usize,
}

/// Three servers beside each other, asked in turns, by the name of the scenario.
pub async fn run(options: &Options, name: &str, storage: &Storage) -> Outcome<Vec<Line>> {
    let (rows, calls) = if options.quick { (20_000, 60) } else { (200_000, 600) };
    let Pace::Days(mut days) = Pace::days(DAYS + 1)? else { return Err("there are no days".into()) };
    // Late rows may fall on the day before.
    days.pop();
    let bounds = days.first().zip(days.last()).ok_or("there are no days")?;
    let (from, to) = (bounds.0.0.plus_seconds(-86_400), bounds.1.1);
    let date = |text: &str| text.chars().take(10).collect::<String>();
    let questions = Questions {
        days: format!("from={}&to={}", date(&from.to_string()), date(&bounds.1.0.to_string())),
        top: format!("/api/usage/top?from={from}&to={to}&limit=10"),
        rows: rows as u64,
        calls,
    };
    let settings: [&[(&str, &str)]; 3] = [&[], &UNCACHED, &[("CACHE_HIT_TRACKING_ENABLED", "false")]];
    let redis = matches!(storage, Storage::Postgres(_)).then(|| block_in_place(Redis::start));
    let mut sides = Vec::new();
    for (number, settings) in settings.into_iter().enumerate() {
        let mut place = storage.place(&format!("cache_{number}"))?;
        // A database of its own for each: their answers have the same names.
        let url = redis.iter().map(|redis| ("REDIS_URL", format!("{}/{number}", redis.url())));
        place.settings.extend(url);
        let place = fill(place, Rows::new(rows, Pace::Days(days.clone()))?).await?;
        let tracker = Tracker::start_with(place, settings).await?;
        sides.push(Side { tracker, daily: Vec::new(), top: Vec::new() });
    }
    let mut first = Vec::new();
    for side in &mut sides {
        first.push(side.round(&questions).await?);
        (side.daily, side.top) = (Vec::new(), Vec::new());
    }
    if first.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err("the servers do not give the same answer".into());
    }
    let mut counted = Pairs::default();
    let [cached, uncached, untracked] = &mut sides[..] else { return Err("there are three servers".into()) };
    for _ in options.rounds(name) {
        cached.round(&questions).await?;
        uncached.round(&questions).await?;
        let (subject, baseline) = in_turns([&cached.tracker, &untracked.tracker], &questions).await?;
        counted.push(subject, baseline);
    }
    Ok(lines(name, rows, [cached, uncached], &counted))
}

/// Asks two servers for the days, one question to each in turn: what differs is far less than what a machine's mood does
/// to one and not to the other. Gives medians in milliseconds.
async fn in_turns(trackers: [&Tracker; 2], questions: &Questions) -> Outcome<(f64, f64)> {
    let [mut first, mut second] = [Vec::new(), Vec::new()];
    let mut walk = Walk::daily(&questions.days);
    let mut connections =
        [Connection::open(trackers[0].address).await?, Connection::open(trackers[1].address).await?];
    for call in 0..4 * questions.calls {
        let path = walk.path.clone();
        // Who is asked second finds the processor's caches as the other left them.
        for place in [call % 2, 1 - call % 2] {
            let request = get(&path, &trackers[place].admin);
            let took = if place == 0 { &mut first } else { &mut second };
            let page = ask(&mut connections[place], &request, took).await?;
            if place == 0 {
                walk.next(&page);
            }
        }
    }
    Ok((median(&mut first), median(&mut second)))
}

impl Side {
    /// Asks for all pages of the days and for the top, again and again. Gives the top's rows.
    async fn round(&mut self, questions: &Questions) -> Outcome<Value> {
        let mut connection = Connection::open(self.tracker.address).await?;
        let (mut took, mut walk, mut counted) = (Vec::new(), Walk::daily(&questions.days), 0);
        let mut is_whole = true;
        while took.len() < questions.calls || !is_whole {
            let page = ask(&mut connection, &get(&walk.path, &self.tracker.admin), &mut took).await?;
            counted += requests(&page);
            is_whole = walk.next(&page);
            if is_whole && counted != questions.rows {
                return Err(format!("of {} rows, {counted} are counted", questions.rows).into());
            }
            if is_whole {
                counted = 0;
            }
        }
        self.daily.push(median(&mut took));
        let request = get(&questions.top, &self.tracker.admin);
        let mut top = Value::Null;
        while took.len() < questions.calls {
            top = ask(&mut connection, &request, &mut took).await?["data"].take();
        }
        self.top.push(median(&mut took));
        Ok(top)
    }
}

/// The median, and an empty list for the next.
fn median(took: &mut Vec<u32>) -> f64 {
    took.sort_unstable();
    let median = percentile(took, 50);
    took.clear();
    median
}

fn lines(scenario: &str, rows: usize, [cached, uncached]: [&Side; 2], counted: &Pairs) -> Vec<Line> {
    let pairs = |subject: &[f64], baseline: &[f64]| {
        let mut pairs = Pairs::default();
        subject.iter().zip(baseline).for_each(|(subject, baseline)| pairs.push(*subject, *baseline));
        pairs
    };
    let rows = thousands(rows as f64);
    let daily = format!("a page of {DAYS} closed days of {CLIENTS} clients, {rows} rows");
    let top = format!("the 10 busiest of {} days, {rows} rows", DAYS + 1);
    let line = |name: &str, subject: &[f64], baseline: &[f64], notes: &str| {
        pairs(subject, baseline).line(format!("{scenario}, {name}, p50"), Unit::Millis, notes)
    };
    vec![
        line("daily", &cached.daily, &uncached.daily, &format!("{daily}; baseline: no cache")),
        line("top", &cached.top, &uncached.top, &format!("{top}; baseline: no cache")),
        counted.line(
            format!("{scenario}, daily, counted by key, p50"),
            Unit::Millis,
            "baseline: not counted by key; asked in turns",
        ),
    ]
}
