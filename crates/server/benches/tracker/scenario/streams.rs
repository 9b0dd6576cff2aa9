//! Live streams: events told beside events sent, and how late; what a reader that takes nothing costs the others; the
//! memory of each.

use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use crate::Outcome;
use crate::http::Connection;
use crate::load::percentile;
use crate::options::Options;
use crate::readers::{Readers, Tally};
use crate::report::{Line, Pairs, Unit, thousands};
use crate::rows::{Pace, Rows};
use crate::storage::Storage;
use crate::template::{Template, get, stamp};
use crate::tracker::Tracker;

/// Events a second, and in one request.
const RATE: usize = 500;
const A_REQUEST: usize = 25;
const SEE_EVERYTHING: usize = 200;
const SEE_THEIR_OWN: usize = 2_000;
const IDLE: usize = 10_000;
const DEAF: usize = 500;
/// What the server keeps of events anyway is in its memory then, and is not taken for readers'.
const WARM_UP: u64 = 50_000;
/// After the last event was sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than is opened here.
const SETTINGS: [(&str, &str); 4] = [
    ("STREAMS_MAX", "16384"),
    ("STREAMS_MAX_PER_CLIENT", "16384"),
    ("API_READ_RATE_LIMIT", "1000000"),
    ("LOG_LEVEL", "warn"),
];

pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let mut lines = everything(options).await?;
    lines.extend(own(options).await?);
    lines.push(idle().await?);
    Ok(lines)
}

/// Everybody sees everything, without and with some who never read.
async fn everything(options: &Options) -> Outcome<Vec<Line>> {
    let tracker = Tracker::start_with(Storage::Embedded.place("streams")?, &SETTINGS).await?;
    let mut sender = Sender::to_clients(&tracker, 10).await?;
    sender.warm_up().await?;
    let before = tracker.memory()?;
    let readers =
        Readers::open(tracker.address, vec![tracker.admin.clone(); SEE_EVERYTHING], "channel=logs").await?;
    let (mut told, mut on_time, mut p99) = (Pairs::default(), Pairs::default(), Pairs::default());
    let mut peak = before;
    let mut deaf_memory: f64 = 0.0;
    for _ in options.rounds("all see everything") {
        let alone = round(options, &mut sender, &readers, SEE_EVERYTHING).await?;
        peak = peak.max(tracker.memory()?);
        let deaf = deaf(&tracker)?;
        let beside = round(options, &mut sender, &readers, SEE_EVERYTHING).await?;
        deaf_memory = deaf_memory.max(tracker.memory()?.saturating_sub(peak) as f64 / DEAF as f64);
        drop(deaf);
        told.push(alone.told_a_second, alone.sent_a_second);
        on_time.push(alone.on_time_a_second, alone.sent_a_second);
        p99.push(beside.p99, alone.p99);
    }
    let each = (peak.saturating_sub(before)) as f64 / SEE_EVERYTHING as f64;
    let memory = format!("{each:.0} KiB for each reader");
    let silent = format!("beside {DEAF} that never read, {deaf_memory:.0} KiB each; baseline: without them");
    Ok(vec![
        told.line(format!("streams, {SEE_EVERYTHING} see everything"), Unit::PerSecond, &memory),
        on_time.line(
            format!("streams, {SEE_EVERYTHING} see everything, within 1 s"),
            Unit::PerSecond,
            "baseline: events sent to all",
        ),
        p99.line(format!("streams, {SEE_EVERYTHING} see everything, p99"), Unit::Millis, &silent),
    ])
}

/// Every client sees its own events.
async fn own(options: &Options) -> Outcome<Vec<Line>> {
    let tracker = Tracker::start_with(Storage::Embedded.place("streams")?, &SETTINGS).await?;
    let mut sender = Sender::to_clients(&tracker, SEE_THEIR_OWN).await?;
    sender.warm_up().await?;
    let before = tracker.memory()?;
    let readers = Readers::open(tracker.address, sender.keys.clone(), "channel=logs").await?;
    let (mut told, mut on_time, mut latencies) = (Pairs::default(), Pairs::default(), Vec::new());
    let mut peak = before;
    for _ in options.rounds("each sees its own") {
        let figures = round(options, &mut sender, &readers, 1).await?;
        peak = peak.max(tracker.memory()?);
        told.push(figures.told_a_second, figures.sent_a_second);
        on_time.push(figures.on_time_a_second, figures.sent_a_second);
        latencies.push(figures.p99);
    }
    let each = peak.saturating_sub(before) as f64 / SEE_THEIR_OWN as f64;
    let note = format!("{each:.0} KiB for each reader; p99 {:.1} ms", crate::report::median(&latencies));
    Ok(vec![
        told.line(format!("streams, {SEE_THEIR_OWN} see their own"), Unit::PerSecond, &note),
        on_time.line(
            format!("streams, {SEE_THEIR_OWN} see their own, within 1 s"),
            Unit::PerSecond,
            "baseline: events sent to one each",
        ),
    ])
}

/// Streams that nothing happens on hold, and tell the first event that fits.
async fn idle() -> Outcome<Line> {
    let tracker = Tracker::start_with(Storage::Embedded.place("streams")?, &SETTINGS).await?;
    let mut sender = Sender::to_clients(&tracker, 1).await?;
    sender.warm_up().await?;
    let before = tracker.memory()?;
    eprintln!("  {IDLE} idle streams");
    let begun = Instant::now();
    let readers = Readers::open(tracker.address, vec![tracker.admin.clone(); IDLE], "channel=logs").await?;
    let opened = begun.elapsed().as_secs_f64();
    // Longer than the pause of a heartbeat, so that each has had one.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let each = tracker.memory()?.saturating_sub(before) as f64 / IDLE as f64;
    let sent = sender.once().await?;
    let mut tally = readers.settle(sent * IDLE as u64, PATIENCE).await;
    if readers.ended() > 0 || tally.told != sent * IDLE as u64 {
        let ended = readers.ended();
        return Err(format!("of {IDLE} idle streams {ended} ended, and {} were told", tally.told).into());
    }
    tally.latencies.sort_unstable();
    let last = percentile(&tally.latencies, 100);
    let note = format!(
        "{IDLE} idle streams, opened in {opened:.1} s: {each:.0} KiB each; after 20 s all of them are told {sent} \
         events, the last after {last:.0} ms"
    );
    Ok(Line::note("streams, idle", &note))
}

/// What a round comes to.
struct Figures {
    told_a_second: f64,
    on_time_a_second: f64,
    sent_a_second: f64,
    p99: f64,
}

/// Sends for a while. Every event is told to so many readers, or they know that they missed it: else the run fails.
async fn round(options: &Options, sender: &mut Sender, readers: &Readers, each: usize) -> Outcome<Figures> {
    let (sent, took) = sender.send(options.round()).await?;
    let expected = sent * each as u64;
    let Tally { told, on_time, missed, mut latencies } = readers.settle(expected, PATIENCE).await;
    if told + missed != expected || readers.ended() > 0 {
        let words = format!("of {} events {told} were told, and {missed} missed", thousands(expected as f64));
        return Err(format!("{words}; {} streams ended", readers.ended()).into());
    }
    latencies.sort_unstable();
    let seconds = took.as_secs_f64();
    Ok(Figures {
        told_a_second: told as f64 / seconds,
        on_time_a_second: on_time as f64 / seconds,
        sent_a_second: expected as f64 / seconds,
        p99: percentile(&latencies, 99),
    })
}

/// Streams that are opened and never read.
fn deaf(tracker: &Tracker) -> Outcome<Vec<TcpStream>> {
    let request = get("/api/usage/stream?channel=logs", &tracker.admin);
    let open = |_| {
        let mut stream = TcpStream::connect(tracker.address)?;
        std::io::Write::write_all(&mut stream, &request)?;
        Ok(stream)
    };
    (0..DEAF).map(open).collect()
}

/// Sends events of clients in turn, at a steady pace.
struct Sender {
    connection: Connection,
    templates: Vec<Template>,
    /// Keys of the clients.
    keys: Vec<String>,
    turn: usize,
}

impl Sender {
    async fn to_clients(tracker: &Tracker, clients: usize) -> Outcome<Self> {
        let clients = tracker.clients(clients).await?;
        let requests = clients.len().div_ceil(A_REQUEST);
        let mut rows = Rows::new(requests * A_REQUEST, Pace::Live(1_000))?;
        let mut turns = clients.iter().cycle();
        let mut templates = Vec::with_capacity(requests);
        for _ in 0..requests {
            let events: Vec<_> = turns
                .by_ref()
                .zip(rows.take(A_REQUEST)?)
                .map(|(client, row)| (client.id.as_str(), row))
                .collect();
            templates.push(Template::logs_of(&tracker.admin, &events));
        }
        let connection = Connection::open(tracker.address).await?;
        Ok(Self {
            connection,
            templates,
            keys: clients.into_iter().map(|client| client.key).collect(),
            turn: 0,
        })
    }

    /// Sends one request. Gives how many events it has.
    async fn once(&mut self) -> Outcome<u64> {
        let index = self.turn % self.templates.len();
        self.turn += 1;
        let template = &mut self.templates[index];
        template.stamp(&stamp(SystemTime::now()));
        let response = self.connection.call(&template.bytes).await?;
        if response.status != template.taken {
            let body = String::from_utf8_lossy(response.body);
            return Err(format!("events were answered {}: {body}", response.status).into());
        }
        Ok(template.events())
    }

    async fn warm_up(&mut self) -> Outcome<()> {
        let mut sent = 0;
        while sent < WARM_UP {
            sent += self.once().await?;
        }
        // At the pace of what follows, too.
        self.send(Duration::from_secs(3)).await?;
        Ok(())
    }

    /// Sends for so long. Gives how many events, and the time it took.
    async fn send(&mut self, length: Duration) -> Outcome<(u64, Duration)> {
        let pace = Duration::from_secs_f64(A_REQUEST as f64 / RATE as f64);
        let begun = Instant::now();
        let mut sent = 0;
        for turn in 0u32.. {
            tokio::time::sleep_until((begun + pace * turn).into()).await;
            if begun.elapsed() >= length {
                break;
            }
            sent += self.once().await?;
        }
        Ok((sent, begun.elapsed()))
    }
}
