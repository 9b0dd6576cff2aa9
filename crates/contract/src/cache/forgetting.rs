//! What is forgotten, and that nothing older comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheValue, CachedDay, Scope, Touched};
use activity_domain::port::{Filled, Lease, Lookup, Wait};
use activity_domain::rollup::Summary;
use activity_domain::usage::DailyRow;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::task::JoinSet;

use super::{CacheHarness, CacheUnderTest, LIFE, day, minutes, name, top, utc, value};
use crate::make;
use crate::property::check;

/// Whatever depends on a minute that is forgotten is gone, in every zone and to the minute; the rest stays.
pub async fn what_depends_on_a_minute_is_forgotten(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    // A key, the last minute before it, its first and its last minute, and the first one after it.
    let keys = [
        (
            utc(),
            [
                "2026-03-09T23:59:59Z",
                "2026-03-10T00:00:00Z",
                "2026-03-10T23:59:59.999999Z",
                "2026-03-11T00:00:00Z",
            ],
        ),
        (
            day("Asia/Kathmandu", "2026-03-10", Some("CL-1")),
            ["2026-03-09T18:14:59Z", "2026-03-09T18:15:00Z", "2026-03-10T18:14:59Z", "2026-03-10T18:15:00Z"],
        ),
        (
            day("Pacific/Kiritimati", "2026-03-10", None),
            ["2026-03-09T09:59:00Z", "2026-03-09T10:00:00Z", "2026-03-10T09:59:00Z", "2026-03-10T10:00:00Z"],
        ),
        (
            day("America/New_York", "2025-11-02", None),
            ["2025-11-02T03:59:00Z", "2025-11-02T04:00:00Z", "2025-11-03T04:59:00Z", "2025-11-03T05:00:00Z"],
        ),
        (
            top("2026-03-10T10:15:00Z", "2026-03-10T11:00:00Z", 3),
            ["2026-03-10T10:14:00Z", "2026-03-10T10:15:00Z", "2026-03-10T10:59:00Z", "2026-03-10T11:00:00Z"],
        ),
    ];
    for (key, [before, first, last, after]) in keys {
        under.put(&key, value(1)).await;
        under.forget(&minutes(&[before, after])).await;
        under.forget(&minutes(&[])).await;
        under.expect_fresh(&key, &value(1)).await;
        for inside in [first, last, "2026-03-10T10:30:00Z"] {
            let is_inside = key.question.span().contains(make::at(inside).minute());
            under.forget(&minutes(&["2011-01-01T00:00:00Z", inside, "2031-01-01T00:00:00Z"])).await;
            if is_inside {
                under.expect_missing(&key).await;
                under.put(&key, value(1)).await;
            } else {
                under.expect_fresh(&key, &value(1)).await;
            }
        }
    }
}

/// Names can be forgotten alone, and everything together.
pub async fn names_and_everything_are_forgotten(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let ranked = top("2026-03-10T10:00:00Z", "2026-03-10T11:00:00Z", 3);
    under.put(&utc(), value(1)).await;
    under.put(&ranked, CacheValue::Top(Arc::new([]))).await;
    under.forget(&Scope::Names).await;
    under.expect_fresh(&utc(), &value(1)).await;
    under.expect_missing(&ranked).await;
    under.put(&ranked, CacheValue::Top(Arc::new([]))).await;
    under.forget(&Scope::Everything).await;
    under.expect_missing(&utc()).await;
    under.expect_missing(&ranked).await;
    assert_eq!(under.cache.stats().await.expect("stats").entries, 0);
}

/// A stale value is forgotten like a fresh one, and is not served while it is computed anew.
pub async fn a_forgotten_value_is_not_served_stale(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    under.put(&utc(), value(1)).await;
    under.clock.advance(LIFE.fresh).await;
    let lease = under.cache.renew(&utc(), Duration::ZERO).await.expect("an answer").expect("a lease");
    under.forget(&minutes(&["2026-03-10T12:00:00Z"])).await;
    let found = under.cache.get(&utc(), Wait::No).await.expect("an answer");
    assert!(matches!(found, Lookup::Missing(_)), "{}", name(&found));
    drop(found);
    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Void));
    under.expect_missing(&utc()).await;
}

/// What was read before something changed is not kept after it: forgetting voids the leases that it
/// covers, and those only.
pub async fn forgetting_voids_leases(harness: &dyn CacheHarness) {
    let other = day("UTC", "2026-03-12", None);
    for scope in [minutes(&["2026-03-10T00:00:00Z"]), Scope::Everything] {
        let under = harness.fresh().await;
        let (void, good) = (under.lease(&utc()).await, under.lease(&other).await);
        under.forget(&scope).await;
        assert_eq!(void.fill(value(1), LIFE).await, Ok(Filled::Void), "{scope:?}");
        under.expect_missing(&utc()).await;
        let expected = if scope == Scope::Everything { Filled::Void } else { Filled::Kept };
        assert_eq!(good.fill(value(2), LIFE).await, Ok(expected), "{scope:?}");
    }
}

/// A lease from before does not stand in the way of one from after, whichever is filled first.
pub async fn a_void_lease_yields_to_a_new_one(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let old = under.lease(&utc()).await;
    under.forget(&Scope::Everything).await;
    let new = under.lease(&utc()).await;
    assert_eq!(new.fill(value(2), LIFE).await, Ok(Filled::Kept));
    assert_eq!(old.fill(value(1), LIFE).await, Ok(Filled::Void));
    under.expect_fresh(&utc(), &value(2)).await;
}

/// Those who wait for a value that is forgotten do not get it: one of them computes anew.
pub async fn who_waits_for_a_void_lease_computes_anew(harness: &dyn CacheHarness) {
    let under = Arc::new(harness.fresh().await);
    let void = under.lease(&utc()).await;
    let waiter = tokio::spawn({
        let under = under.clone();
        async move {
            let found = under.get(&utc()).await;
            let seen = name(&found);
            if let Lookup::Missing(lease) = found {
                assert_eq!(lease.fill(value(2), LIFE).await, Ok(Filled::Kept));
            }
            seen
        }
    });
    tokio::task::yield_now().await;
    under.forget(&Scope::Everything).await;
    assert_eq!(waiter.await.expect("a waiter"), "missing");
    assert_eq!(void.fill(value(1), LIFE).await, Ok(Filled::Void));
    under.expect_fresh(&utc(), &value(2)).await;
}

/// A step of a reader or of the writer, in an order that is generated.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A reader asks, and reads the store if it has to.
    Ask { reader: usize, key: usize },
    /// A reader puts in what it read.
    Fill { reader: usize },
    /// A reader goes away.
    Leave { reader: usize },
    /// The store changes in a day.
    Commit { day: usize },
    /// What changed is forgotten.
    Forget,
    /// Time passes.
    Pass { minutes: u64 },
}

const READERS: usize = 4;
const DAYS: [&str; 3] = ["2026-03-09", "2026-03-10", "2026-03-11"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..READERS, 0..6usize).prop_map(|(reader, key)| Step::Ask { reader, key }),
        4 => (0..READERS).prop_map(|reader| Step::Fill { reader }),
        1 => (0..READERS).prop_map(|reader| Step::Leave { reader }),
        2 => (0..DAYS.len()).prop_map(|day| Step::Commit { day }),
        2 => Just(Step::Forget),
        1 => (1..50u64).prop_map(|minutes| Step::Pass { minutes }),
    ];
    prop::collection::vec(step, 1..60)
}

/// Days of UTC, and those of a zone that lie across two of them.
fn numbered(key: usize) -> CacheKey {
    day(if key < 3 { "UTC" } else { "Asia/Kathmandu" }, DAYS[key % 3], None)
}

/// A store that counts commits by day, and readers in the middle of something.
struct World {
    under: CacheUnderTest,
    committed: [u64; 3],
    /// What has been forgotten: the count of commits that every answer has to have by now.
    promised: [u64; 3],
    held: [Option<(Box<dyn Lease>, CacheValue)>; READERS],
}

impl World {
    /// The minute at which things happen in a day: late enough to be the next day in Kathmandu.
    fn time(day: usize) -> String {
        format!("{}T20:00:00Z", DAYS[day])
    }

    /// What a reading of the store gives: the counts of the days that a key depends on.
    fn read(key: &CacheKey, counts: &[u64; 3]) -> CacheValue {
        let span = key.question.span();
        let rows =
            (0..DAYS.len()).filter(|day| span.contains(make::at(&Self::time(*day)).minute())).map(|day| {
                let summary = Summary { requests: counts[day], ..Summary::default() };
                DailyRow { date: make::date(DAYS[day]), client: make::client_id("CL-1"), summary }
            });
        CacheValue::Day(Arc::new(CachedDay::of(rows)))
    }

    fn counts(value: &CacheValue) -> Vec<u64> {
        let CacheValue::Day(day) = value else { panic!("not a day") };
        let rows = day.rows(None, usize::MAX).expect("rows");
        rows.iter().map(|(_, summary)| summary.requests).collect()
    }

    async fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ask { reader, key } => {
                let key = numbered(key);
                match self.under.cache.get(&key, Wait::No).await.expect("an answer") {
                    Lookup::Fresh(value) | Lookup::Stale(value) => {
                        let (found, least) =
                            (Self::counts(&value), Self::counts(&Self::read(&key, &self.promised)));
                        prop_assert!(found >= least, "{} has {:?}, not {:?}", key, found, least);
                    }
                    Lookup::Missing(lease) => {
                        self.held[reader] = Some((lease, Self::read(&key, &self.committed)));
                    }
                    Lookup::Busy => {}
                }
            }
            Step::Fill { reader } => {
                if let Some((lease, value)) = self.held[reader].take() {
                    lease.fill(value, LIFE).await.expect("an answer");
                }
            }
            Step::Leave { reader } => self.held[reader] = None,
            Step::Commit { day } => self.committed[day] += 1,
            Step::Forget => {
                let changed = (0..DAYS.len()).filter(|day| self.committed[*day] > self.promised[*day]);
                let touched: Touched = changed.map(|day| make::at(&Self::time(day))).collect();
                self.under.forget(&Scope::Minutes(touched)).await;
                self.promised = self.committed;
            }
            Step::Pass { minutes } => self.under.clock.advance(Duration::from_mins(minutes)).await,
        }
        Ok(())
    }
}

/// Whatever the order in which readers ask, read and fill, and in which the store changes and says so:
/// once a change is forgotten, no answer is from before it.
#[expect(clippy::unused_async, reason = "laws are called alike; this one waits inside the property")]
pub async fn no_interleaving_brings_back_what_was_forgotten(harness: &dyn CacheHarness) {
    // Several at a time: they are short.
    check(&prop::collection::vec(steps(), 1..20), async |histories| {
        for steps in histories {
            let under = harness.fresh().await;
            let held = [const { None }; READERS];
            let mut world = World { under, committed: [0; 3], promised: [0; 3], held };
            for step in steps {
                world.play(step).await?;
            }
        }
        Ok(())
    });
}

/// The same with readers that really run beside the writer.
pub async fn beside_a_writer_no_reader_sees_what_was_forgotten(harness: &dyn CacheHarness) {
    let under = Arc::new(harness.fresh().await);
    let (committed, promised) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(1)));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (under, committed, promised) = (under.clone(), committed.clone(), promised.clone());
        readers.spawn(async move {
            for _ in 0..400 {
                let at_least = promised.load(Ordering::SeqCst);
                match under.get(&utc()).await {
                    Lookup::Fresh(found) | Lookup::Stale(found) => {
                        let found = World::counts(&found)[0];
                        assert!(found >= at_least, "{found} was served after {at_least} was promised");
                    }
                    Lookup::Missing(lease) => {
                        let read = committed.load(Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        lease.fill(value(read), LIFE).await.expect("an answer");
                    }
                    Lookup::Busy => {}
                }
            }
        });
    }
    while !readers.is_empty() {
        let now = committed.fetch_add(1, Ordering::SeqCst) + 1;
        under.forget(&minutes(&["2026-03-10T12:00:00Z"])).await;
        promised.store(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        while let Some(ended) = readers.try_join_next() {
            ended.expect("a reader");
        }
    }
}
