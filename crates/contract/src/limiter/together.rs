//! Subjects, several quotas and many callers beside one another.

use std::collections::HashMap;
use std::sync::Arc;

use activity_domain::limit::{Decision, Quota, Quotas, Verdict};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::exact::World;
use super::{Limiter, LimiterHarness, NAMES, SECOND, cost, quota, subjects};
use crate::property::check;

/// The quota of this number, with a limit and a window of its own.
fn numbered(number: usize) -> Quota {
    let limit = [7, 12, 3, 20, 9, 15, 5, 30];
    let seconds = [60, 3_600, 10, 61, 86_400, 7, 2_678_400, 600];
    quota(NAMES[number], limit[number], seconds[number])
}

/// A take: which subject, which quotas in which order, how much.
fn calls() -> impl Strategy<Value = Vec<(usize, Vec<usize>, u64)>> {
    let some = Just((0..NAMES.len()).collect::<Vec<_>>()).prop_shuffle();
    let some = (some, 1..=NAMES.len()).prop_map(|(mut all, length)| {
        all.truncate(length);
        all
    });
    let amount = prop_oneof![6 => 1..4u64, 1 => 1..35u64];
    prop::collection::vec((0..subjects().len(), some, amount), 1..60)
}

/// While the clock stands still, what was taken is all there is to know.
#[derive(Default)]
struct Taken(HashMap<(usize, usize), u64>);

impl Taken {
    fn by(&self, subject: usize, quota: usize) -> u64 {
        self.0.get(&(subject, quota)).copied().unwrap_or(0)
    }

    fn judge(
        &mut self,
        subject: usize,
        quotas: &[usize],
        amount: u64,
        decision: &Decision,
    ) -> Result<(), TestCaseError> {
        let limit = |number: usize| u64::from(numbered(number).limit.get());
        let is_full = |number: &usize| self.by(subject, *number) + amount > limit(*number);
        let impossible = quotas.iter().position(|number| amount > limit(*number));
        let full = quotas.iter().any(is_full);
        match decision.verdict {
            Verdict::Impossible { by } => prop_assert_eq!(Some(by), impossible),
            Verdict::Refused { by, .. } => prop_assert!(impossible.is_none() && is_full(&quotas[by])),
            Verdict::Admitted(_) => prop_assert!(!full && impossible.is_none()),
        }
        for number in quotas {
            let more = if full { 0 } else { amount };
            *self.0.entry((subject, *number)).or_default() += more;
        }
        let expected =
            quotas.iter().map(|number| (numbered(*number), limit(*number) - self.by(subject, *number)));
        let found = decision.states.iter().map(|state| (state.quota, state.remaining.into()));
        prop_assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        Ok(())
    }
}

/// Each subject has each limit to itself, whatever others take; of several quotas in one call all are
/// taken or none; a call names the quota that it failed on, and states come in the order asked for.
pub async fn subjects_and_quotas_are_counted_apart_and_taken_together(harness: &dyn LimiterHarness) {
    check(&calls(), async |calls| {
        let Limiter { limiter, guard: _guard, .. } = harness.fresh().await;
        let mut taken = Taken::default();
        for (who, which, amount) in calls {
            let quotas = Quotas::parse(which.iter().copied().map(numbered).collect()).expect("quotas");
            let decision = limiter.take(&subjects()[who], &quotas, cost(amount)).await.expect("a decision");
            taken.judge(who, &which, amount, &decision)?;
        }
        Ok(())
    });
}

/// Of several quotas without room, the one that takes longest is named: after that time all have room.
pub async fn the_wait_is_that_of_the_slowest_quota(harness: &dyn LimiterHarness) {
    let [short, long] = [quota("burst", 2, 10), quota("default", 4, 3_600)];
    for (order, slowest) in [([short, long], 1), ([long, short], 0)] {
        let mut world = World::fresh(harness).await;
        let quotas = Quotas::parse(order.to_vec()).expect("quotas");
        for _ in 0..2 {
            world.take(long, 1).await;
            let both = world.under.limiter.take(&world.subject, &quotas, cost(1)).await.expect("a decision");
            assert!(matches!(both.verdict, Verdict::Admitted(_)), "{both:?}");
        }
        let refused = world.under.limiter.take(&world.subject, &quotas, cost(1)).await.expect("a decision");
        let Verdict::Refused { by, retry_after_seconds } = refused.verdict else { panic!("{refused:?}") };
        assert_eq!(by, slowest);
        assert!((3_600..=3_661).contains(&retry_after_seconds), "{retry_after_seconds}");
        world.advance(i64::try_from(retry_after_seconds).expect("seconds") * SECOND).await;
        let retried = world.under.limiter.take(&world.subject, &quotas, cost(1)).await.expect("a decision");
        assert!(matches!(retried.verdict, Verdict::Admitted(_)), "{retried:?}");
    }
}

/// However many call at once, exactly the limit is admitted, from each of two quotas that half of the
/// callers name in the other order.
pub async fn of_concurrent_calls_exactly_the_limit_is_admitted(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let [first, second] = [quota("default", 200, 3_600), quota("per-day", 10_000, 86_400)];
    let orders =
        [vec![first, second], vec![second, first]].map(|order| Quotas::parse(order).expect("quotas"));
    let mut callers = Vec::new();
    for number in 0..64 {
        let (limiter, subject) = (Arc::clone(&world.under.limiter), world.subject.clone());
        let quotas = orders[number % 2].clone();
        callers.push(tokio::spawn(async move {
            let mut admitted = 0;
            for _ in 0..20 {
                let decision = limiter.take(&subject, &quotas, cost(1)).await.expect("a decision");
                admitted += u32::from(matches!(decision.verdict, Verdict::Admitted(_)));
                tokio::task::yield_now().await;
            }
            admitted
        }));
    }
    let mut admitted = 0;
    for caller in callers {
        admitted += caller.await.expect("a caller");
    }
    assert_eq!(admitted, 200);
    let states = world.under.limiter.peek(&world.subject, &orders[0]).await.expect("states");
    let remaining: Vec<u32> = states.iter().map(|state| state.remaining).collect();
    assert_eq!(remaining, [0, 9_800]);
}
