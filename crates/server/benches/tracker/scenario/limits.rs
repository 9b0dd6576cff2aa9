//! Decisions of the limiter in process, beside the least that a limiter could do: a counter per window and
//! quota in one map behind one lock, which admits up to twice the limit around a window's end.

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use activity_adapter_memory::MemoryLimiter;
use activity_domain::client::RateLimit;
use activity_domain::id::ClientId;
use activity_domain::limit::{Charge, Charges, Quota, QuotaName, Quotas, Subject, Verdict, Window};
use activity_domain::port::{Clock, RateLimiter};
use activity_domain::time::Timestamp;
use tokio::runtime::Handle;

use crate::Outcome;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, thousands};
use crate::rows;

/// How many call at once, for how many subjects, and how many quotas each call is charged for.
#[derive(Debug, Clone, Copy)]
struct Plan {
    threads: usize,
    subjects: usize,
    quotas: usize,
}

/// Every combination of few and many.
pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    for threads in [1, 2] {
        for subjects in [1, 10_000] {
            for quotas in [1, 3] {
                lines.push(measure(options, Plan { threads, subjects, quotas }).await?);
            }
        }
    }
    Ok(lines)
}

async fn measure(options: &Options, plan: Plan) -> Outcome<Line> {
    let calls = if options.quick { 200_000 } else { 2_000_000 };
    let Plan { threads, subjects, quotas } = plan;
    let name =
        format!("limits, threads: {threads}, subjects: {}, quotas: {quotas}", thousands(subjects as f64));
    let mut pairs = Pairs::default();
    for _ in options.rounds(&name) {
        let handle = Handle::current();
        let round = tokio::task::spawn_blocking(move || {
            let calls = Arc::new(Calls::new(plan, calls)?);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((fixed(&calls)?, ring(&calls, &handle)?))
        });
        let (baseline, subject) = round.await??;
        pairs.push(subject, baseline);
    }
    Ok(pairs.line(name, Unit::PerSecond, "baseline: fixed windows, which do not keep the limit"))
}

/// What both sides are asked.
struct Calls {
    plan: Plan,
    /// Calls of each thread.
    count: usize,
    subjects: Vec<Subject>,
    charges: Charges,
}

impl Calls {
    fn new(plan: Plan, count: usize) -> Outcome<Self> {
        let subject = |n: usize| Ok(Subject::Client(ClientId::parse(&format!("CL-{n}"))?));
        let charge = |(name, seconds): (&str, i64)| {
            let (name, window) = (QuotaName::parse(name)?, Window::parse(seconds)?);
            let quota = Quota { name, limit: RateLimit::parse(1_000_000_000)?, window, shadow: false };
            Ok(Charge { quota, cost: 1 })
        };
        let quotas = [("default", 3_600), ("burst", 86_400), ("export", 2_678_400)];
        let charges: Outcome<Vec<Charge>> = quotas[..plan.quotas].iter().copied().map(charge).collect();
        Ok(Self {
            plan,
            count,
            subjects: (0..plan.subjects).map(subject).collect::<Outcome<_>>()?,
            charges: Charges::parse(charges?)?,
        })
    }

    /// A thread's subjects, in an order that no cache foresees and that is the same for both sides.
    fn of(&self, thread: usize) -> impl Iterator<Item = &Subject> {
        let step = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let states = std::iter::successors(Some(thread as u64 + 1), step);
        let places = states.map(|state| usize::try_from(state >> 33).unwrap_or(0) % self.subjects.len());
        places.take(self.count).map(|place| &self.subjects[place])
    }

    /// Runs every thread's share at once, and gives calls a second.
    fn per_second(&self, share: impl Fn(usize) -> Outcome<()> + Sync) -> Outcome<f64> {
        let start = Barrier::new(self.plan.threads + 1);
        thread::scope(|scope| {
            let run = |thread| {
                let (share, start) = (&share, &start);
                scope.spawn(move || {
                    start.wait();
                    share(thread)
                })
            };
            let threads: Vec<_> = (0..self.plan.threads).map(run).collect();
            start.wait();
            let begun = Instant::now();
            for thread in threads {
                thread.join().map_err(|_| "a thread panicked")??;
            }
            Ok(self.total() as f64 / begun.elapsed().as_secs_f64())
        })
    }

    fn total(&self) -> u64 {
        (self.plan.threads * self.count) as u64
    }

    fn check(&self, counted: u64) -> Outcome<()> {
        let expected = self.total() * self.plan.quotas as u64;
        if counted == expected { Ok(()) } else { Err(format!("{counted} of {expected} were counted").into()) }
    }
}

/// The limiter, through its port.
fn ring(calls: &Calls, handle: &Handle) -> Outcome<f64> {
    let limiter = MemoryLimiter::new(Arc::new(WallClock(rows::now()?)));
    let per_second = calls.per_second(|thread| {
        handle.block_on(async {
            for subject in calls.of(thread) {
                let decision = limiter.take(subject, &calls.charges).await?;
                if !matches!(decision.verdict, Verdict::Admitted(_)) {
                    return Err("a call within its limits was refused".into());
                }
            }
            Ok(())
        })
    })?;
    let quotas = Quotas::from(&calls.charges);
    let mut counted = 0;
    for subject in &calls.subjects {
        let states = handle.block_on(limiter.peek(subject, &quotas))?;
        counted += states.iter().map(|s| u64::from(s.quota.limit.get() - s.remaining)).sum::<u64>();
    }
    calls.check(counted)?;
    Ok(per_second)
}

/// For each quota the window that is counted, by its number, and how much.
type Fixed = HashMap<Subject, Vec<(i64, u64)>>;

fn fixed(calls: &Calls) -> Outcome<f64> {
    let windows: Mutex<Fixed> = Mutex::default();
    let clock: Arc<dyn Clock> = Arc::new(WallClock(rows::now()?));
    calls.per_second(|thread| {
        for subject in calls.of(thread) {
            let now = clock.now().as_micros() / 1_000_000;
            let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
            if !admit(&mut windows, subject, calls.charges.as_slice(), now) {
                return Err("a call within its limits was refused".into());
            }
        }
        Ok(())
    })
}

fn admit(windows: &mut Fixed, subject: &Subject, charges: &[Charge], now: i64) -> bool {
    if !windows.contains_key(subject) {
        windows.insert(subject.clone(), vec![(0, 0); charges.len()]);
    }
    let Some(counts) = windows.get_mut(subject) else { return false };
    for ((window, count), charge) in counts.iter_mut().zip(charges) {
        let current = now / i64::from(charge.quota.window.seconds());
        if *window != current {
            (*window, *count) = (current, 0);
        }
        if *count + charge.cost > charge.quota.limit.get().into() {
            return false;
        }
    }
    for ((_, count), charge) in counts.iter_mut().zip(charges) {
        *count += charge.cost;
    }
    true
}

/// The time of both sides; where there is none, that of the beginning.
pub(super) struct WallClock(pub Timestamp);

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        rows::now().unwrap_or(self.0)
    }
}
