//! Many readers of live streams, which count what they are told and how late.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use memchr::memmem::Finder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::template::get;

/// What is seen later than this is not on time.
const ON_TIME_MILLIS: u32 = 1_000;
/// To open ten thousand streams takes some seconds.
const PATIENCE: Duration = Duration::from_mins(1);
const DAY_MICROS: i64 = 86_400_000_000;

/// What readers were told.
#[derive(Debug, Default)]
pub struct Tally {
    /// Events.
    pub told: u64,
    /// Events that came within a second of their time.
    pub on_time: u64,
    /// Events that readers were told to have missed.
    pub missed: u64,
    /// From an event's time to its arrival, in microseconds, not in order.
    pub latencies: Vec<u32>,
}

/// Open streams, read by one thread. Dropping them closes them.
pub struct Readers {
    tally: Arc<Mutex<Tally>>,
    ended: Arc<AtomicUsize>,
    _open: tokio::sync::oneshot::Sender<()>,
}

impl Readers {
    /// Opens one stream for each key, all with the same query, and waits until every one has said hello.
    pub async fn open(address: SocketAddr, keys: Vec<String>, query: &str) -> Outcome<Self> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (connected, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (open, closed) = tokio::sync::oneshot::channel::<()>();
        let (count, path) = (keys.len(), format!("/api/usage/stream?{query}"));
        let shared = Shared { tally: tally.clone(), connected: connected.clone(), ended: ended.clone() };
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut streams = JoinSet::new();
                for key in keys {
                    let stream = TcpStream::connect(address).await?;
                    streams.spawn(shared.clone().follow(stream, get(&path, &key)));
                }
                // Either of the two ends when nobody wants the streams any more.
                let _ = closed.await;
                Ok::<_, std::io::Error>(())
            })
        };
        let mut thread = tokio::task::spawn_blocking(work);
        let begun = Instant::now();
        while connected.load(Ordering::Relaxed) < count {
            if begun.elapsed() > PATIENCE || ended.load(Ordering::Relaxed) > 0 || thread.is_finished() {
                let now = connected.load(Ordering::Relaxed);
                if thread.is_finished() {
                    (&mut thread).await??;
                }
                return Err(format!("{now} of {count} streams are open").into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { tally, ended, _open: open })
    }

    /// Waits until so many events were told or owned up to, at most so long; then gives the tally and begins a new
    /// one.
    pub async fn settle(&self, events: u64, patience: Duration) -> Tally {
        let begun = Instant::now();
        let known = || {
            let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.told + tally.missed
        };
        while known() < events && begun.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::mem::take(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many streams ended by themselves.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Shared {
    tally: Arc<Mutex<Tally>>,
    connected: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Shared {
    async fn follow(self, mut stream: TcpStream, request: Vec<u8>) {
        let finder = Finder::new(b"\"timestamp\":\"");
        if stream.write_all(&request).await.is_ok() {
            // Little at first: ten thousand of these wait for nothing.
            let mut received = Vec::with_capacity(1 << 10);
            while stream.read_buf(&mut received).await.is_ok_and(|length| length > 0) {
                let whole = received.windows(2).rposition(|two| two == b"\n\n").map_or(0, |at| at + 2);
                self.count(&received[..whole], &finder);
                received.drain(..whole);
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts whole messages, each of which has one line of data.
    fn count(&self, lines: &[u8], finder: &Finder) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kind: &[u8] = b"";
        for line in lines.split(|byte| *byte == b'\n') {
            if let Some(name) = line.strip_prefix(b"event: ") {
                kind = name;
            } else if let Some(data) = line.strip_prefix(b"data: ") {
                match kind {
                    b"connected" => _ = self.connected.fetch_add(1, Ordering::Relaxed),
                    b"lagged" => tally.missed += missed(data).unwrap_or(0),
                    b"log:new" => {
                        let late = late_micros(data, now, finder).unwrap_or(u32::MAX);
                        tally.told += 1;
                        tally.on_time += u64::from(late <= ON_TIME_MILLIS * 1_000);
                        tally.latencies.push(late);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn missed(data: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(data).ok()?["missed"].as_u64()
}

/// From the time that an event bears, which has milliseconds, to now. Both are on the same clock.
fn late_micros(data: &[u8], now: Duration, finder: &Finder) -> Option<u32> {
    let at = finder.find(data)? + finder.needle().len() + "2026-01-01T".len();
    let length = data.get(at..)?.iter().position(|byte| *byte == b'Z')?;
    let mut parts = std::str::from_utf8(&data[at..at + length]).ok()?.split(':');
    let (hours, minutes): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    // Without zeros at its end, and without the point if nothing stands behind it.
    let (seconds, fraction) = parts.next().map(|text| text.split_once('.').unwrap_or((text, "")))?;
    let (seconds, micros): (i64, i64) = (seconds.parse().ok()?, format!("{fraction:0<6}").parse().ok()?);
    let (day, then) = (DAY_MICROS, ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros);
    let today = i64::try_from(now.as_micros()).ok()? % day;
    let late = (today - then).rem_euclid(day);
    // Times are rounded to the millisecond, at times up: then an event comes before its time.
    if late > day / 2 { Some(0) } else { u32::try_from(late).ok() }
}
