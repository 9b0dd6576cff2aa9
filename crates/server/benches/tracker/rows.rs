//! Activities from a seed: the same ones in every run.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::SystemTime;

use activity_domain::activity::{Activity, Endpoint, Method, ResponseTime, Status, Text};
use activity_domain::error::Invalid;
use activity_domain::id::{ActivityId, ClientId, StreamId};
use activity_domain::port::{Batch, Record};
use activity_domain::time::Timestamp;
use bytes::Bytes;
use uuid::Uuid;

use crate::Outcome;

/// How many clients there are where a scenario does not say. The first is the busiest: their shares follow Zipf's
/// law.
pub const CLIENTS: usize = 1_000;
const ENDPOINTS: usize = 50;
/// One row in so many is late, by up to so many seconds.
const ONE_LATE_IN: u64 = 20;
const LATE_SECONDS: u64 = 30;

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0",
    "okhttp/4.12.0 (Android 15; Pixel 9; de-DE)",
    "python-requests/2.32.5",
];

/// An activity and its client's place, counted from 0.
#[derive(Debug, Clone)]
pub struct Row {
    /// The client's place.
    pub client: u32,
    /// The activity.
    pub activity: Activity,
}

/// When rows happened.
#[derive(Debug, Clone)]
pub enum Pace {
    /// So many a second up to now, as a server under load stores them.
    Live(u64),
    /// The same number on each of these days, every client on every day if there are rows enough, as
    /// a log of the past holds them.
    Days(Vec<(Timestamp, Timestamp)>),
}

impl Pace {
    /// Today and the days before it in UTC.
    pub fn days(count: i64) -> Outcome<Self> {
        const DAY: i64 = 86_400;
        let now = now()?;
        let today = Timestamp::from_seconds(now.as_micros() / 1_000_000 / DAY * DAY)?;
        let day = |back: i64| {
            let start = today.plus_seconds(-DAY * back);
            (start, start.plus_seconds(DAY).min(now))
        };
        Ok(Self::Days((0..count).rev().map(day).collect()))
    }
}

/// A supply of rows. It ends, for the number of rows decides how densely they fill their time.
pub struct Rows {
    dice: Dice,
    clients: Vec<ClientId>,
    shares: Vec<f64>,
    endpoints: Vec<Endpoint>,
    pace: Pace,
    now: Timestamp,
    index: usize,
    count: usize,
}

impl Rows {
    /// So many rows of [`CLIENTS`], in order of time but for those that are late.
    pub fn new(count: usize, pace: Pace) -> Outcome<Self> {
        Self::of_clients(CLIENTS, count, pace)
    }

    /// So many rows of so many clients.
    pub fn of_clients(clients: usize, count: usize, pace: Pace) -> Outcome<Self> {
        let ids: Result<_, Invalid> =
            (0..clients).map(|n| ClientId::parse(&format!("bench-{n:04}"))).collect();
        let endpoints: Result<_, Invalid> =
            (0..ENDPOINTS).map(|n| Endpoint::parse(&format!("/api/v1/collection-{n:02}/items"))).collect();
        let mut sum = 0.0;
        let share = |place: usize| {
            sum += 1.0 / (place + 1) as f64;
            sum
        };
        let shares = (0..clients).map(share).collect();
        let (clients, endpoints, now) = (ids?, endpoints?, now()?);
        Ok(Self { dice: Dice(0x5eed), clients, shares, endpoints, pace, now, index: 0, count })
    }

    /// How many there are in all.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The next rows, at most so many; none at the end.
    pub fn take(&mut self, count: usize) -> Outcome<Vec<Row>> {
        let count = count.min(self.count - self.index);
        (0..count).map(|_| self.row()).collect()
    }

    fn row(&mut self) -> Outcome<Row> {
        let (client, on_time) = self.client_and_time()?;
        let late = if self.dice.below(ONE_LATE_IN) == 0 { self.dice.below(LATE_SECONDS) } else { 0 };
        let at = on_time.plus_seconds(-late.cast_signed());
        self.index += 1;
        let status = match self.dice.below(100) {
            0..3 => 404,
            3..5 => 500,
            _ => 200,
        };
        // From 0.25 to 128 milliseconds, short ones more often than long ones.
        let took = (250 << self.dice.below(9)) + self.dice.below(250);
        let endpoint = self.endpoints[self.dice.index(ENDPOINTS)].clone();
        let place = u32::try_from(client)?;
        let agent = AGENTS[client % AGENTS.len()];
        let activity = Activity {
            client: self.clients[client].clone(),
            id: ActivityId(Uuid::from_u64_pair(self.dice.next(), self.dice.next())),
            at,
            endpoint,
            method: Method::parse(if self.dice.below(4) == 0 { "POST" } else { "GET" })?,
            status: Status::parse(status)?,
            response_time: Some(ResponseTime::from_micros(took)?),
            ip: Some(address(place).into()),
            user_agent: Some(Text::parse(agent)?),
            request_bytes: None,
            response_bytes: Some(self.dice.below(50_000)),
            error_message: None,
            metadata: None,
            audit: None,
        };
        Ok(Row { client: place, activity })
    }

    fn client_and_time(&mut self) -> Outcome<(usize, Timestamp)> {
        match &self.pace {
            Pace::Live(per_second) => {
                let ago = 1_000_000 * (self.count - self.index) as u64 / per_second;
                let at = Timestamp::from_micros(self.now.as_micros() - ago.cast_signed())?;
                Ok((self.zipf(), at))
            }
            Pace::Days(days) => {
                let per_day = self.count.div_ceil(days.len());
                let (start, end) = days[self.index / per_day];
                let place = self.index % per_day;
                let length = (end.as_micros() - start.as_micros()).cast_unsigned();
                let into = length / per_day as u64 * place as u64;
                let at = Timestamp::from_micros(start.as_micros() + into.cast_signed())?;
                // What is late stays on its day, or the days would not have the same clients.
                let at = at.max(start.plus_seconds(LATE_SECONDS.cast_signed())).min(end.max(start));
                let client = if place < self.clients.len() { place } else { self.zipf() };
                Ok((client, at))
            }
        }
    }

    fn zipf(&mut self) -> usize {
        let total = self.shares.last().copied().unwrap_or_default();
        let drawn = self.dice.unit() * total;
        self.shares.partition_point(|sum| *sum <= drawn).min(self.clients.len() - 1)
    }
}

/// Where a client calls from.
fn address(client: u32) -> Ipv4Addr {
    let [.., high, low] = client.to_be_bytes();
    Ipv4Addr::new(10, 20, high, low)
}

/// The present, to the microsecond.
pub fn now() -> Outcome<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Timestamp::from_micros(i64::try_from(since.as_micros())?)?)
}

/// The same rows as the drainer would bring them.
pub fn batches(rows: &[Row], size: usize) -> Vec<Arc<Batch>> {
    let first = (0..rows.len()).step_by(size);
    rows.chunks(size).zip(first).map(|(rows, first)| Arc::new(batch(rows, first as u64))).collect()
}

/// One batch of the one stream, from a sequence number on.
pub fn batch(rows: &[Row], first: u64) -> Batch {
    // The bytes matter only for rows that are refused.
    let record = |row: &Row| Record { payload: Bytes::new(), activity: row.activity.clone() };
    Batch {
        stream: StreamId(Uuid::from_u128(1)),
        expected: first,
        next: first + rows.len() as u64,
        records: rows.iter().map(record).collect(),
        unreadable: Vec::new(),
    }
}

/// `SplitMix64`: enough for dice, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
