//! Makes access logs for tests and benchmarks, and the truth about them.
//!
//! The logs have the oddities of real ones: few clients that call often and many that hardly do, equal
//! lines that are separate requests, lines out of order, `-` for size and user agent, long targets,
//! escapes in quotes, and now and then a line whose last quote is missing. Equal options give equal
//! logs, on every machine. Nothing here uses the parsers, so that tests can recount plainly.

mod line;
mod random;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use activity_domain::span::Minute;
use activity_domain::time::Timestamp;

use line::Draft;
pub use random::Random;

/// What a log should be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Different seeds make different logs.
    pub seed: u64,
    /// Number of lines, the bad ones included.
    pub lines: u64,
    /// The time of the earliest line; by default 2026-01-01T00:00:00Z.
    pub start: Timestamp,
    /// The time between first and last line in seconds; by default a day.
    pub seconds: u32,
    /// The largest number of clients, at most 65,536 (what is beyond is taken as that).
    pub clients: u32,
    /// Whether lines end with a duration as nginx writes it (`combined-duration`) or not (`combined`).
    pub durations: bool,
}

impl Default for Options {
    fn default() -> Self {
        // 20,454 days after the epoch.
        let start = Timestamp::from(Minute(20_454 * 1_440));
        Self { seed: 1, lines: 1_000, start, seconds: 86_400, clients: 2_000, durations: false }
    }
}

/// A whole log.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// The lines, each with its `\n`.
    pub text: Vec<u8>,
    /// What the good lines say, in the log's order.
    pub truth: Vec<Truth>,
    /// Number of lines that a strict reader rejects.
    pub bad: u64,
}

/// What a good line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The caller.
    pub ip: IpAddr,
    /// When, to the second.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: &'static str,
    /// The path without its query.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// Size of the answer in bytes; none where the log has `-`.
    pub response_bytes: Option<u64>,
    /// The User-Agent as it stands in the log; none where the log has `-`.
    pub user_agent: Option<String>,
    /// How long the answer took in microseconds; none without [`Options::durations`].
    pub micros: Option<u64>,
}

/// A line without its ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleLine {
    /// The line.
    pub text: String,
    /// What it says; none if it is bad.
    pub truth: Option<Truth>,
}

/// Makes a whole log. For one that does not fit in memory take [`lines`].
pub fn log(options: &Options) -> Log {
    let mut log = Log { text: Vec::new(), truth: Vec::new(), bad: 0 };
    for line in lines(options) {
        log.text.extend_from_slice(line.text.as_bytes());
        log.text.push(b'\n');
        match line.truth {
            Some(truth) => log.truth.push(truth),
            None => log.bad += 1,
        }
    }
    log
}

/// Makes a log line by line.
pub fn lines(options: &Options) -> impl Iterator<Item = SampleLine> + use<> {
    let options = options.clone();
    let mut random = Random::new(options.seed);
    let mut last_good: Option<SampleLine> = None;
    (0..options.lines).map(move |number| {
        if let Some(line) = &last_good
            && random.one_in(200)
        {
            return line.clone();
        }
        let draft = Draft::new(&options, number, &mut random);
        if random.one_in(700) {
            return SampleLine { text: draft.without_last_quote(), truth: None };
        }
        let line = SampleLine { text: draft.text(), truth: Some(draft.truth) };
        last_good = Some(line.clone());
        line
    })
}

impl Random {
    /// A rank below the bound, by Zipf's law: every doubling of the rank is equally likely.
    fn rank(&mut self, bound: u64) -> u64 {
        let doublings = u64::from(bound.max(1).ilog2()) + 1;
        let low = 1 << self.below(doublings);
        (low + self.below(low)).min(bound.max(1)) - 1
    }

    /// A client's address: from the blocks for benchmarks and documentation, every 16th of IPv6.
    fn client(&mut self, clients: u32) -> IpAddr {
        let rank = u32::try_from(self.rank(u64::from(clients.min(65_536)))).unwrap_or_default();
        if rank % 16 == 15 {
            let [.., high, low] = rank.to_be_bytes();
            return Ipv6Addr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low]).into();
        }
        Ipv4Addr::from(0xc612_0000 + rank).into()
    }
}
