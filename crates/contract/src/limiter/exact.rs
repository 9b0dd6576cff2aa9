//! The oracle: a log of every admitted call, which knows to the microsecond what counts.

use activity_domain::limit::{Quota, QuotaState, Subject, Taken, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Limiter, LimiterHarness, SECOND, each, quota};
use crate::make;

/// Windows of all sizes; a sixtieth of some is no whole number of microseconds.
const WINDOWS: [u32; 6] = [1, 7, 60, 3_600, 86_400, 2_678_400];

/// What happens to a limiter.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The clock moves by so many microseconds.
    Move(i64),
    /// Somebody takes.
    Take(u64),
    /// What was taken so many admitted calls ago is given back, if it was not yet.
    Refund(usize),
}

/// A limit, a window in seconds, and what happens.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub quota: Quota,
    pub steps: Vec<Step>,
}

/// The length of a slot: a sixtieth of the window, rounded up to the microsecond.
pub(super) fn slot(window_seconds: u32) -> i64 {
    (i64::from(window_seconds) * SECOND + 59) / 60
}

/// Moves that meet the edges: of slots, of the window, of the window and a slot.
fn moves(window_seconds: u32, may_go_back: bool) -> BoxedStrategy<i64> {
    let (window, slot) = (i64::from(window_seconds) * SECOND, slot(window_seconds));
    let forward = prop_oneof![
        4 => 0..slot,
        4 => (1..8i64).prop_map(move |n| n * slot),
        4 => slot..window / 2,
        1 => window - 1..window + 2,
        1 => 61 * slot - 1..61 * slot + 2,
        1 => window..10 * window,
    ];
    let back = prop_oneof![-2 * slot..0, -2 * window..0];
    if may_go_back { prop_oneof![5 => forward, 1 => back].boxed() } else { forward.boxed() }
}

/// Histories of takes on a clock that goes forward.
pub(super) fn takes() -> impl Strategy<Value = History> {
    histories(false, 0)
}

/// Histories of takes on a clock that may be put back.
pub(super) fn takes_on_a_bad_clock() -> impl Strategy<Value = History> {
    histories(true, 0)
}

/// Histories of takes and refunds on a clock that may be put back.
pub(super) fn takes_and_refunds() -> impl Strategy<Value = History> {
    histories(true, 3)
}

/// The same on a clock that goes forward.
pub(super) fn takes_and_refunds_in_order() -> impl Strategy<Value = History> {
    histories(false, 3)
}

fn histories(may_go_back: bool, refunds: u32) -> impl Strategy<Value = History> {
    (select(WINDOWS.to_vec()), 1u32..16).prop_flat_map(move |(seconds, limit)| {
        let costs = prop_oneof![4 => 1..4u64, 1 => 1..u64::from(limit) + 3];
        let step = prop_oneof![
            6 => moves(seconds, may_go_back).prop_map(Step::Move),
            8 => costs.prop_map(Step::Take),
            refunds => (0..8usize).prop_map(Step::Refund),
        ];
        let quota = quota("default", limit, seconds);
        prop::collection::vec(step, 1..120).prop_map(move |steps| History { quota, steps })
    })
}

/// A limiter with one busy subject, and all that it admitted.
pub(super) struct World {
    pub under: Limiter,
    pub subject: Subject,
    /// What the clock shows, from where it stood at first.
    pub clock: i64,
    /// The latest that a call saw: a limiter's time does not run back for a subject, from the first call on that is
    /// admitted.
    pub now: i64,
    /// How long all has taken so far: a clock that is put back takes no time.
    pub elapsed: i64,
    /// Instant and cost of what was admitted and not given back.
    pub log: Vec<(i64, u64)>,
    /// The same by how long all had taken, whether it was given back or not.
    pub course: Vec<(i64, u64)>,
    tokens: Vec<(Taken, i64, u64)>,
}

/// What a take was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Admitted,
    Refused(i64),
    Impossible,
}

impl World {
    pub async fn fresh(harness: &dyn LimiterHarness) -> Self {
        Self {
            under: harness.fresh().await,
            subject: Subject::Client(make::client_id("CL-1")),
            clock: 0,
            now: i64::MIN,
            elapsed: 0,
            log: Vec::new(),
            course: Vec::new(),
            tokens: Vec::new(),
        }
    }

    pub async fn advance(&mut self, micros: i64) {
        // Before the first call that is admitted there is no time that could be kept.
        if micros < 0 && self.course.is_empty() {
            return;
        }
        self.under.clock.advance(micros).await;
        self.clock += micros;
        self.elapsed += micros.max(0);
    }

    /// Plays a whole history.
    pub async fn play(&mut self, history: &History) {
        for step in &history.steps {
            match step {
                Step::Move(micros) => self.advance(*micros).await,
                Step::Take(cost) => drop(self.take(history.quota, *cost).await),
                Step::Refund(ago) => self.refund(history.quota, *ago).await,
            }
        }
    }

    /// Takes, and writes it down where it is admitted.
    pub async fn take(&mut self, quota: Quota, amount: u64) -> (Answer, QuotaState) {
        self.now = self.now.max(self.clock);
        let decision =
            self.under.limiter.take(&self.subject, &each(&[quota], amount)).await.expect("a decision");
        assert_eq!(decision.states.len(), 1);
        assert_eq!(decision.states[0].quota, quota);
        let answer = match decision.verdict {
            Verdict::Admitted(taken) => {
                self.log.push((self.now, amount));
                self.course.push((self.elapsed, amount));
                self.tokens.push((taken, self.now, amount));
                Answer::Admitted
            }
            Verdict::Refused { by: 0, retry_after_seconds } => {
                Answer::Refused(i64::try_from(retry_after_seconds).expect("seconds"))
            }
            Verdict::Impossible { by: 0 } => Answer::Impossible,
            other => panic!("there is one quota: {other:?}"),
        };
        (answer, decision.states[0])
    }

    pub async fn peek(&mut self, quota: Quota) -> QuotaState {
        self.now = self.now.max(self.clock);
        let states = self.under.limiter.peek(&self.subject, &quota.into()).await.expect("states");
        assert_eq!(states.len(), 1);
        states[0]
    }

    /// Gives back what was taken so many admitted calls ago.
    pub async fn refund(&mut self, quota: Quota, ago: usize) {
        let Some(index) = self.tokens.len().checked_sub(ago + 1) else { return };
        let (taken, at, amount) = self.tokens.remove(index);
        let logged = self.log.iter().position(|logged| *logged == (at, amount));
        self.log.remove(logged.expect("it was logged"));
        self.under.limiter.refund(&self.subject, &each(&[quota], amount), taken).await.expect("a refund");
    }

    /// What the log says was taken within the window that ends now, to the microsecond.
    pub fn counts(&self, window_seconds: u32) -> u64 {
        let from = self.now - i64::from(window_seconds) * SECOND;
        self.log.iter().filter(|(at, _)| *at >= from).map(|(_, cost)| cost).sum()
    }

    /// The most that a limiter may count: a slot may count until all of it has left.
    pub fn may_count(&self, window_seconds: u32) -> u64 {
        let from = self.now - 61 * slot(window_seconds);
        self.log.iter().filter(|(at, _)| *at > from).map(|(_, cost)| cost).sum()
    }

    /// The first instant at which the log has room for a cost.
    pub fn has_room_at(&self, quota: Quota, amount: u64) -> i64 {
        let (limit, window) = (u64::from(quota.limit.get()), i64::from(quota.window.seconds()) * SECOND);
        let leaving = self.log.iter().map(|(at, _)| at + window + 1).filter(|instant| *instant > self.now);
        let has_room = |instant: &i64| {
            let left = self.log.iter().filter(|(at, _)| at + window >= *instant);
            left.map(|(_, cost)| cost).sum::<u64>() + amount <= limit
        };
        std::iter::once(self.now).chain(leaving).find(has_room).expect("the log empties")
    }
}
