//! Subjects, several quotas and many callers beside one another.

use std::collections::HashMap;
use std::sync::Arc;

use activity_domain::limit::{Charges, Decision, Quota, Quotas, Subject, Verdict};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::exact::World;
use super::{Limiter, LimiterHarness, NAMES, SECOND, charges, each, quota, subjects};
use crate::property::check;

/// The quota of this number, with a limit and a window of its own.
fn numbered(number: usize) -> Quota {
    let limit = [7, 12, 3, 20, 9, 15, 5, 30];
    let seconds = [60, 3_600, 10, 61, 86_400, 7, 2_678_400, 600];
    quota(NAMES[number], limit[number], seconds[number])
}

/// Quotas by their number in some order, and what each is charged.
type Costs = Vec<(usize, u64)>;

/// Most calls are cheap, and do not touch some of their quotas.
fn costs() -> impl Strategy<Value = Costs> {
    let order = Just((0..NAMES.len()).collect::<Vec<_>>()).prop_shuffle();
    let amount = prop_oneof![2 => Just(0u64), 6 => 1..4u64, 1 => 1..35u64];
    let amounts = prop::collection::vec(amount, 1..=NAMES.len());
    (order, amounts).prop_map(|(order, amounts)| order.into_iter().zip(amounts).collect())
}

fn of(costs: &Costs) -> Charges {
    charges(costs.iter().map(|(number, cost)| (numbered(*number), *cost)))
}

/// While the clock stands still, what was taken is all there is to know.
#[derive(Default)]
struct Taken(HashMap<(usize, usize), u64>);

impl Taken {
    fn by(&self, subject: usize, quota: usize) -> u64 {
        self.0.get(&(subject, quota)).copied().unwrap_or(0)
    }

    fn judge(&mut self, subject: usize, costs: &Costs, decision: &Decision) -> Result<(), TestCaseError> {
        let limit = |number: usize| u64::from(numbered(number).limit.get());
        let is_full =
            |(number, cost): &(usize, u64)| *cost > 0 && self.by(subject, *number) + cost > limit(*number);
        let impossible = costs.iter().position(|(number, cost)| *cost > limit(*number));
        let full = costs.iter().any(is_full);
        match decision.verdict {
            Verdict::Impossible { by } => prop_assert_eq!(Some(by), impossible),
            Verdict::Refused { by, .. } => prop_assert!(impossible.is_none() && is_full(&costs[by])),
            Verdict::Admitted(_) => prop_assert!(!full && impossible.is_none()),
        }
        for (number, cost) in costs {
            let more = if full { 0 } else { *cost };
            *self.0.entry((subject, *number)).or_default() += more;
        }
        let expected =
            costs.iter().map(|(number, _)| (numbered(*number), limit(*number) - self.by(subject, *number)));
        let found = decision.states.iter().map(|state| (state.quota, state.remaining.into()));
        prop_assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        Ok(())
    }
}

/// Each subject has each limit to itself, whatever others take; of several quotas in one call each is
/// charged its own cost, all of them or none; a call names the quota that it failed on, and states come
/// in the order asked for.
pub async fn subjects_and_quotas_are_counted_apart_and_taken_together(harness: &dyn LimiterHarness) {
    check(&prop::collection::vec((0..subjects().len(), costs()), 1..60), async |calls| {
        let Limiter { limiter, guard: _guard, .. } = harness.fresh().await;
        let mut taken = Taken::default();
        for (who, costs) in calls {
            let decision = limiter.take(&subjects()[who], &of(&costs)).await.expect("a decision");
            taken.judge(who, &costs, &decision)?;
        }
        Ok(())
    });
}

/// A quota that a call does not touch has no say in it, not even when its limit was lowered below what
/// had been taken; and the call takes nothing from it.
pub async fn what_a_call_does_not_touch_does_not_refuse_it(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let [default, export, lowered] =
        [quota("default", 10, 60), quota("export", 4, 3_600), quota("export", 2, 3_600)];
    assert!(admits(&world, &charges([(default, 1), (export, 4)])).await);
    for untouched in [export, lowered] {
        assert!(admits(&world, &charges([(default, 1), (untouched, 0)])).await);
        assert!(!admits(&world, &charges([(default, 1), (untouched, 1)])).await);
    }
    assert!(admits(&world, &charges([(default, 0), (lowered, 0)])).await);
    let quotas = Quotas::parse(vec![default, export]).expect("quotas");
    let states = world.under.limiter.peek(&world.subject, &quotas).await.expect("states");
    assert_eq!(states.iter().map(|state| state.remaining).collect::<Vec<_>>(), [7, 0]);
}

/// Of several quotas without room, the one that takes longest is named: after that time all have room.
pub async fn the_wait_is_that_of_the_slowest_quota(harness: &dyn LimiterHarness) {
    let [short, long] = [quota("burst", 2, 10), quota("default", 4, 3_600)];
    for (order, slowest) in [([short, long], 1), ([long, short], 0)] {
        let mut world = World::fresh(harness).await;
        let both = each(&order, 1);
        for _ in 0..2 {
            world.take(long, 1).await;
            assert!(admits(&world, &both).await);
        }
        let refused = world.under.limiter.take(&world.subject, &both).await.expect("a decision");
        let Verdict::Refused { by, retry_after_seconds } = refused.verdict else { panic!("{refused:?}") };
        assert_eq!(by, slowest);
        assert!((3_600..=3_661).contains(&retry_after_seconds), "{retry_after_seconds}");
        world.advance(i64::try_from(retry_after_seconds).expect("seconds") * SECOND).await;
        assert!(admits(&world, &both).await);
    }
}

/// Whatever windows and costs several quotas have, a call that is refused is admitted after the wait, and
/// not a second and the longest slot before it would have been.
pub async fn a_retry_after_the_wait_is_admitted_by_all_quotas(harness: &dyn LimiterHarness) {
    let calls = prop::collection::vec((costs(), 0i64..20_000), 1..60);
    check(&calls, async |calls| {
        let mut world = World::fresh(harness).await;
        for (costs, millis) in calls {
            let call = of(&costs);
            let decision = world.under.limiter.take(&world.subject, &call).await.expect("a decision");
            if let Verdict::Refused { by, retry_after_seconds } = decision.verdict {
                let wait = i64::try_from(retry_after_seconds).expect("seconds") * SECOND;
                let slot = i64::from(call.as_slice()[by].quota.window.seconds()) * SECOND / 60 + 1;
                let too_early = wait - SECOND - slot;
                if too_early > 0 {
                    world.advance(too_early).await;
                    prop_assert!(!admits(&world, &call).await, "{} us earlier", SECOND + slot);
                    world.advance(SECOND + slot).await;
                } else {
                    world.advance(wait).await;
                }
                prop_assert!(admits(&world, &call).await, "after {} s", retry_after_seconds);
            }
            world.advance(millis * 1_000).await;
        }
        Ok(())
    });
}

async fn admits(world: &World, charges: &Charges) -> bool {
    let decision = world.under.limiter.take(&world.subject, charges).await.expect("a decision");
    matches!(decision.verdict, Verdict::Admitted(_))
}

/// However many call at once, exactly the limit is admitted, from each of two quotas that half of the
/// callers name in the other order, and that a call takes different amounts from.
pub async fn of_concurrent_calls_exactly_the_limit_is_admitted(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let [first, second] = [quota("default", 200, 3_600), quota("per-day", 10_000, 86_400)];
    let orders = [charges([(first, 1), (second, 3)]), charges([(second, 3), (first, 1)])];
    let mut callers = Vec::new();
    for number in 0..64 {
        let (limiter, subject) = (Arc::clone(&world.under.limiter), world.subject.clone());
        let call = orders[number % 2].clone();
        callers.push(tokio::spawn(async move {
            let mut admitted = 0;
            for _ in 0..20 {
                let decision = limiter.take(&subject, &call).await.expect("a decision");
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
    let remaining = remaining(&world, &world.subject, &orders[0]).await;
    assert_eq!(remaining, [0, 9_400]);
}

async fn remaining(world: &World, subject: &Subject, charges: &Charges) -> Vec<u32> {
    let states = world.under.limiter.peek(subject, &Quotas::from(charges)).await.expect("states");
    states.iter().map(|state| state.remaining).collect()
}
