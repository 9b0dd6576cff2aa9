//! Two servers on one Redis, under load, and clients with limits that are low enough to be seen.

use std::time::{Duration, Instant};

use activity_testkit::Database;

use super::asking::Known;
use super::load::Call;
use super::{Load, seconds, while_it_lasts};
use crate::hammer::hammer;
use crate::support::{Account, Node};
use crate::{BACK, limited, says, started};

/// What a client may record that is watched.
const LIMIT: u32 = 100;
/// Instances.
const N: u32 = 2;
/// Whoever is asking when it begins may have to wait; later nobody has.
const FIRST: Duration = Duration::from_secs(1);

/// Servers under load.
pub struct Trial {
    pub nodes: [Node; 2],
    load: Load,
    /// What the load was like without a fault, from when until when.
    calm: Option<(Instant, Instant)>,
    /// The same with it.
    fault: Option<(Instant, Instant)>,
    _database: Database,
}

impl Trial {
    /// Servers with these settings each, ready and sharing limits.
    pub async fn start(settings: [&[(&'static str, &str)]; 2]) -> Self {
        let database = Database::empty();
        let all = [("API_READ_RATE_LIMIT", "1000000000"), ("CACHE_TTL_USAGE_DAILY", "1")];
        let mut nodes = Vec::new();
        for settings in settings {
            nodes.push(started(database.address(), &[&all[..], settings].concat()).await);
        }
        for node in &nodes {
            says(node, BACK).await;
        }
        let writer = nodes[0].register("writer", "client").await;
        let mut known = Vec::new();
        for (number, name) in (1..).zip(["ada", "bob"]) {
            let account = nodes[0].register(name, "client").await;
            known.extend(Known::store(&nodes[0], &account, number).await);
        }
        let load = Load::start(&nodes, &writer, &known);
        let [first, second]: [Node; 2] = nodes.try_into().ok().unwrap();
        let nodes = [first, second];
        // Connections are made and programs warm before anything is measured.
        while_it_lasts(seconds(1, 5)).await;
        Self { nodes, load, calm: None, fault: None, _database: database }
    }

    /// Goes through a fault. These servers, by their place, notice and say this of Redis.
    pub async fn fault(
        &mut self,
        noticed: &[usize],
        expected: &str,
        lose: impl FnOnce(),
        bring_back: impl AsyncFnOnce(),
    ) {
        let calm = Instant::now();
        while_it_lasts(seconds(2, 20)).await;
        self.calm = Some((calm, Instant::now()));
        let client = limited(&self.nodes[0], "limited", LIMIT).await;
        // More than half of what the first may spend, and nothing on the second.
        let before = self.admitted(&self.nodes[..1], &client, 3, 20).await;
        assert!(before > 0);
        let begun = Instant::now();
        lose();
        for place in noticed {
            says(&self.nodes[*place], expected).await;
        }
        let seen = begun.elapsed();
        // At once: a new primary may be there soon, and what it knew already counts twice with it.
        let meanwhile = self.admitted(&self.nodes, &client, 8, 30).await;
        assert!(meanwhile > 0, "a limit is no closed door");
        while_it_lasts(seconds(2, 20)).await;
        self.fault = Some((begun, Instant::now()));
        bring_back().await;
        let ended = Instant::now();
        for node in &self.nodes {
            says(node, BACK).await;
        }
        let back = ended.elapsed();
        let after = self.admitted(&self.nodes, &client, 8, 5).await;
        let (all, bound) = (before + meanwhile + after, u64::from(LIMIT + N * (LIMIT / N).max(1)));
        println!(
            "seen after {seen:.1?}, back after {back:.1?}; of {LIMIT} were admitted {before}, {meanwhile} and {after}"
        );
        assert!(all <= bound, "{before}, {meanwhile} and {after} were admitted");
    }

    /// How many of these calls are admitted. The others are honestly refused.
    async fn admitted(&self, nodes: &[Node], client: &Account, callers: usize, calls: usize) -> u64 {
        let heard = hammer(nodes, client, callers, calls).await;
        let (admitted, refused) = (heard.count(202), heard.count(429));
        assert_eq!(admitted + refused, (callers * calls) as u64, "{:?}", heard.statuses);
        admitted
    }

    /// Ends the load, and says what it was like.
    pub async fn end(self, what: &str) {
        while_it_lasts(seconds(1, 5)).await;
        let calls = self.load.finish().await;
        let troubles: Vec<&String> = calls.iter().filter_map(|call| call.trouble.as_ref()).collect();
        let within = |(from, to): (Instant, Instant)| {
            Times::of(calls.iter().filter(|call| call.begun < to && call.begun + call.took > from))
        };
        let (calm, fault) = (self.calm.unwrap(), self.fault.unwrap());
        let (before, during) = (within(calm), within(fault));
        let first = within((fault.0, fault.0 + FIRST));
        let more = |times: &Times| times.p99.saturating_sub(before.p99);
        println!(
            "{what}: {} calls, {} wrong or failed; before {before}; during {during}: p99 + {:.1?}; its first second \
             {first}: p99 + {:.1?}",
            calls.len(),
            troubles.len(),
            more(&during),
            more(&first),
        );
        assert!(troubles.is_empty(), "{} of {}, such as {}", troubles.len(), calls.len(), troubles[0]);
        assert!(before.count > 100 && during.count > 100, "there was load");
    }
}

/// How long calls took.
struct Times {
    count: usize,
    p50: Duration,
    p99: Duration,
    longest: Duration,
}

impl Times {
    fn of<'a>(calls: impl Iterator<Item = &'a Call>) -> Self {
        let mut times: Vec<Duration> = calls.map(|call| call.took).collect();
        times.sort_unstable();
        let at =
            |part: usize| times.get(times.len() * part / 100).or(times.last()).copied().unwrap_or_default();
        Self { count: times.len(), p50: at(50), p99: at(99), longest: at(100) }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, p50, p99, longest } = self;
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, longest {longest:.1?} of {count}")
    }
}
