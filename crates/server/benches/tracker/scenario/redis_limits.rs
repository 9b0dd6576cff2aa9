//! Decisions of the limiter on Redis, beside the load generator that comes with Redis, which runs the same script
//! with the same arguments on as many connections with as many calls on their way; and decisions by leases beside exact ones.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_memory::MemoryLimiter;
use activity_adapter_redis::link::State;
use activity_adapter_redis::{
    LeasedLimiter, Leases, Link, Locals, Options as LinkOptions, RedisLimiter, SharedLimiter, Time,
    WithoutRedis,
};
use activity_domain::client::RateLimit;
use activity_domain::id::ClientId;
use activity_domain::limit::{Charge, Charges, Quota, QuotaName, Subject, Verdict, Window};
use activity_domain::port::RateLimiter;
use activity_testkit::{Redis, RedisAddress};
use tokio::task::{JoinSet, block_in_place, yield_now};
use tokio::time::{sleep, timeout};

use super::limits::WallClock;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, thousands};
use crate::{Outcome, rows};

/// Calls on their way at any time.
const CALLERS: usize = 64;
/// How many are limited.
const SUBJECTS: usize = 10_000;
/// How many of them are busy, where leases are measured.
const BUSY: usize = 8;
/// Calls of a caller before others have their turn.
const TURN: usize = 32;
const WINDOW: i64 = 3_600;
const LIMIT: i64 = 1_000_000_000;
/// A busy machine is no outage.
const PATIENCE: Duration = Duration::from_secs(5);

/// One quota a call.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let calls = if options.quick { 50_000 } else { 500_000 };
    let server = block_in_place(Redis::start);
    let (mut plain, mut leased) = (Pairs::default(), Pairs::default());
    for _ in options.rounds("redis-limits") {
        block_in_place(|| server.cli(&["FLUSHALL"]));
        let baseline = block_in_place(|| generator(server.address(), calls))?;
        block_in_place(|| server.cli(&["FLUSHALL"]));
        let limiter = Arc::new(RedisLimiter::new(link(server.address()).await?, Time::Redis));
        plain.push(decisions(limiter, SUBJECTS, calls).await?, baseline);
        block_in_place(|| server.cli(&["FLUSHALL"]));
        let exact = decisions(shared(server.address(), None).await?, BUSY, calls).await?;
        block_in_place(|| server.cli(&["FLUSHALL"]));
        let with = shared(server.address(), Some(Leases::default())).await?;
        leased.push(decisions(with, BUSY, 10 * calls).await?, exact);
    }
    let notes = format!(
        "{CALLERS} at once on one connection, {} subjects; baseline: redis-benchmark with the same script",
        thousands(SUBJECTS as f64)
    );
    let of_leases =
        format!("{CALLERS} at once, {BUSY} busy subjects, as a server decides; baseline: without");
    Ok(vec![
        plain.line("redis-limits, one quota".to_owned(), Unit::PerSecond, &notes),
        leased.line("redis-limits, with leases".to_owned(), Unit::PerSecond, &of_leases),
    ])
}

/// Calls a second of redis-benchmark.
fn generator(address: &RedisAddress, calls: usize) -> Outcome<f64> {
    let script = address.cli(&["SCRIPT", "LOAD", RedisLimiter::SCRIPT]);
    let [port, count, callers, subjects] =
        [address.port.into(), calls, CALLERS, SUBJECTS].map(|n| n.to_string());
    let output = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &port, "-a", &address.password, "--csv"])
        .args(["-c", "1", "-P", &callers, "-n", &count, "-r", &subjects])
        .args(["EVALSHA", script.trim(), "1", "activity:limit1:{client:CL-__rand_int__}"])
        .args(["take", "", "0", "0", "0"])
        .args(["default", &WINDOW.to_string(), &LIMIT.to_string(), "1", "0", "0"])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    // A line of titles, then one of values: what was run, calls a second, and latencies.
    let rate = text.lines().nth(1).and_then(|line| line.rsplit("\",\"").nth(6)?.parse().ok());
    let made = address.cli(&["DBSIZE"]).trim().parse::<usize>()?;
    match rate {
        Some(rate) if made > 0 && made <= SUBJECTS => Ok(rate),
        _ => Err(format!("redis-benchmark made {made} keys and says: {text}").into()),
    }
}

async fn link(address: &RedisAddress) -> Outcome<Link> {
    let link = Link::open(&LinkOptions::parse(&address.url())?.with_patience(PATIENCE))?;
    timeout(PATIENCE, link.states().wait_for(|state| matches!(state, State::Up(_)))).await??;
    Ok(link)
}

/// What a server wires, once Redis decides.
async fn shared(address: &RedisAddress, leases: Option<Leases>) -> Outcome<Arc<SharedLimiter>> {
    let link = link(address).await?;
    let remote = RedisLimiter::new(link.clone(), Time::Redis);
    let remote = match leases {
        Some(leases) => LeasedLimiter::new(remote, leases),
        None => remote.into(),
    };
    let clock = Arc::new(WallClock(rows::now()?));
    let local = || Arc::new(MemoryLimiter::new(clock.clone()));
    let locals = Locals { all: local(), unknown: local() };
    let shared = Arc::new(SharedLimiter::new(link, remote, locals, WithoutRedis::Share));
    let trusted = async {
        while !shared.is_exact() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, trusted).await?;
    Ok(shared)
}

/// Decisions a second of a limiter.
async fn decisions(limiter: Arc<dyn RateLimiter>, subjects: usize, calls: usize) -> Outcome<f64> {
    let (charges, subjects) = (Arc::new(charges()?), Arc::new(some_subjects(subjects)?));
    let mut callers = JoinSet::new();
    let begun = Instant::now();
    for caller in 0..CALLERS {
        let (limiter, charges, subjects) = (limiter.clone(), charges.clone(), subjects.clone());
        callers.spawn(async move {
            let mut state = caller as u64 + 1;
            for call in 0..calls / CALLERS {
                if call % TURN == 0 {
                    yield_now().await;
                }
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = usize::try_from(state >> 33).unwrap_or(0) % subjects.len();
                let decision = limiter.take(&subjects[place], &charges).await.map_err(|error| error.0)?;
                if !matches!(decision.verdict, Verdict::Admitted(_)) {
                    return Err("a call was refused".to_owned());
                }
            }
            Ok(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok((calls / CALLERS * CALLERS) as f64 / begun.elapsed().as_secs_f64())
}

fn charges() -> Outcome<Charges> {
    let (name, window) = (QuotaName::parse("default")?, Window::parse(WINDOW)?);
    let quota = Quota { name, limit: RateLimit::parse(LIMIT)?, window, shadow: false };
    Ok(Charges::parse(vec![Charge { quota, cost: 1 }])?)
}

fn some_subjects(count: usize) -> Outcome<Vec<Subject>> {
    (0..count).map(|n| Ok(Subject::Client(ClientId::parse(&format!("CL-{n:012}"))?))).collect()
}
