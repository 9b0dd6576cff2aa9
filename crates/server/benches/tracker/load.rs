//! Load: many connections, each sending its next request when the last one is answered.
//!
//! Such a closed loop never overruns a server, so its latencies are those of a server that is just
//! busy: about connections / throughput. With a pace, a connection also waits until its time has come.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;

use crate::Outcome;
use crate::http::Connection;
use crate::template::{Template, stamp};

/// What came of a round.
#[derive(Debug, Default)]
pub struct Measured {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Events that the server took: those of requests that were answered 202.
    pub accepted: u64,
    /// Other answers, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Time from request to answer, in microseconds, in order.
    latencies: Vec<u32>,
}

impl Measured {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency that so many of a hundred requests stayed below, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        percentile(&self.latencies, percent)
    }

    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.latencies.extend(other.latencies);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
    }
}

/// A percentile of sorted microseconds, in milliseconds.
pub fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    f64::from(sorted.get(index).copied().unwrap_or_default()) / 1_000.0
}

/// Loads a server for some time over one connection per template. Every request that was begun is
/// waited for, so that what the server took is known to the last one.
pub async fn load(
    address: SocketAddr,
    templates: &[Template],
    threads: usize,
    length: Duration,
) -> Outcome<Measured> {
    paced(address, templates, threads, length, Duration::ZERO).await
}

/// The same, with so much time from one request of a connection to its next.
pub async fn paced(
    address: SocketAddr,
    templates: &[Template],
    threads: usize,
    length: Duration,
    pace: Duration,
) -> Outcome<Measured> {
    let mut shares: Vec<Vec<(TcpStream, Template)>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
    for (index, template) in templates.iter().enumerate() {
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        shares[index % threads.max(1)].push((stream, template.clone()));
    }
    let clock = Arc::new(Clock::new());
    let mut threads = JoinSet::new();
    for share in shares {
        let clock = clock.clone();
        threads.spawn_blocking(move || drive_all(share, &clock, length, pace));
    }
    let mut all = Measured::default();
    while let Some(measured) = threads.join_next().await {
        all.add(measured??);
    }
    all.took = clock.started.elapsed();
    all.latencies.sort_unstable();
    Ok(all)
}

/// One thread's connections.
fn drive_all(
    share: Vec<(TcpStream, Template)>,
    clock: &Arc<Clock>,
    length: Duration,
    pace: Duration,
) -> Outcome<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        for (stream, template) in share {
            let connection = Connection::over(tokio::net::TcpStream::from_std(stream)?)?;
            connections.spawn(drive(connection, template, clock.clone(), length, pace));
        }
        let mut all = Measured::default();
        while let Some(measured) = connections.join_next().await {
            all.add(measured??);
        }
        Ok(all)
    })
}

async fn drive(
    mut connection: Connection,
    mut template: Template,
    clock: Arc<Clock>,
    length: Duration,
    pace: Duration,
) -> Outcome<Measured> {
    let mut measured = Measured::default();
    for turn in 0u32.. {
        if !pace.is_zero() {
            tokio::time::sleep_until((clock.started + pace * turn).into()).await;
        }
        let begun = Instant::now();
        let since = begun.duration_since(clock.started);
        if since >= length {
            break;
        }
        template.stamp(&clock.stamp(since));
        let status = connection.call(&template.bytes).await?.status;
        let took = begun.elapsed().as_micros();
        measured.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
        if status == template.taken {
            measured.accepted += template.events();
        } else {
            *measured.refused.entry(status).or_default() += 1;
        }
    }
    Ok(measured)
}

/// Tells the time as events carry it, and formats each millisecond once.
struct Clock {
    started: Instant,
    wall: SystemTime,
    last: Mutex<(u128, [u8; 24])>,
}

impl Clock {
    fn new() -> Self {
        let wall = SystemTime::now();
        Self { started: Instant::now(), wall, last: Mutex::new((0, stamp(wall))) }
    }

    fn stamp(&self, since: Duration) -> [u8; 24] {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = since.as_millis();
        if last.0 != millis {
            *last = (millis, stamp(self.wall + since));
        }
        last.1
    }
}
