//! Quotas that refuse nothing.

use activity_domain::limit::{Decision, Quota, Quotas, Subject, Verdict};
use proptest::prelude::*;

use super::exact::{Step, World, takes};
use super::{LimiterHarness, charges, quota};
use crate::make;
use crate::property::check;

fn shadow(name: &str, limit: u32, seconds: u32) -> Quota {
    Quota { shadow: true, ..quota(name, limit, seconds) }
}

async fn take(world: &World, subject: &Subject, costs: &[(Quota, u64)]) -> Decision {
    let call = charges(costs.iter().copied());
    world.under.limiter.take(subject, &call).await.expect("a decision")
}

/// A shadow quota changes nothing for the real ones beside it; and what it says and counts is what a real
/// one would, to which the same admitted calls come.
pub async fn a_shadow_quota_says_what_a_real_one_would_do(harness: &dyn LimiterHarness) {
    let other = (1u32..12, prop::sample::select(vec![1u32, 10, 60, 3_600]));
    let costs = prop::collection::vec(0u64..14, 120);
    check(&(takes(), other, costs), async |(history, (limit, seconds), costs)| {
        let mut world = World::fresh(harness).await;
        let both = world.subject.clone();
        let [alone, twin] = ["CL-alone", "CL-twin"].map(|id| Subject::Client(make::client_id(id)));
        let (tried, real) = (shadow("tried", limit, seconds), quota("tried", limit, seconds));
        for (step, shadow_cost) in history.steps.iter().zip(costs) {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let decision = take(&world, &both, &[(tried, shadow_cost), (history.quota, *cost)]).await;
                    let plain = take(&world, &alone, &[(history.quota, *cost)]).await;
                    prop_assert_eq!(answer(&decision, 1), answer(&plain, 0));
                    prop_assert_eq!(decision.states[1], plain.states[0]);
                    if !matches!(decision.verdict, Verdict::Admitted(_)) {
                        prop_assert!(decision.would_refuse.is_empty());
                        continue;
                    }
                    let expected = take(&world, &twin, &[(real, shadow_cost)]).await;
                    let admits = matches!(expected.verdict, Verdict::Admitted(_));
                    prop_assert_eq!(&decision.would_refuse[..], if admits { &[][..] } else { &[0] });
                    let expected = expected.states[0];
                    let found = decision.states[0];
                    prop_assert_eq!(found.quota, tried);
                    prop_assert_eq!(
                        (found.remaining, found.reset_seconds),
                        (expected.remaining, expected.reset_seconds)
                    );
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// What a decision says of the charge at an index.
fn answer(decision: &Decision, at: usize) -> Option<(bool, u64)> {
    match decision.verdict {
        Verdict::Admitted(_) => None,
        Verdict::Refused { by, retry_after_seconds } => Some((by == at, retry_after_seconds)),
        Verdict::Impossible { by } => Some((by == at, 0)),
    }
}

/// A call that a shadow quota could never admit is admitted and reported, and takes nothing from it; a
/// refund gives each shadow quota back what it counted.
pub async fn a_refund_gives_shadow_quotas_what_they_counted(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let (real, small, large) =
        (quota("default", 100, 60), shadow("small", 5, 60), shadow("large", 100, 3_600));
    let quotas = Quotas::parse(vec![real, small, large]).expect("quotas");
    let remaining = async || {
        let states = world.under.limiter.peek(&world.subject, &quotas).await.expect("states");
        states.iter().map(|state| state.remaining).collect::<Vec<_>>()
    };
    let first = take(&world, &world.subject, &[(real, 3), (small, 3), (large, 3)]).await;
    assert!(first.would_refuse.is_empty());
    for cost in [3, 6] {
        let over = take(&world, &world.subject, &[(real, cost), (small, cost), (large, cost)]).await;
        assert_eq!(over.would_refuse, [1]);
        let Verdict::Admitted(taken) = over.verdict else { panic!("{over:?}") };
        let rest = u32::try_from(97 - cost).expect("a rest");
        assert_eq!(remaining().await, [rest, 2, rest]);
        let call = charges([(real, cost), (small, cost), (large, cost)]);
        world.under.limiter.refund(&world.subject, &call, taken).await.expect("a refund");
        assert_eq!(remaining().await, [97, 2, 97]);
    }
    let refused = take(&world, &world.subject, &[(real, 98), (small, 1), (large, 1)]).await;
    assert!(matches!(refused.verdict, Verdict::Refused { by: 0, .. }), "{refused:?}");
    assert!(refused.would_refuse.is_empty());
    assert_eq!(remaining().await, [97, 2, 97]);
    let Verdict::Admitted(taken) = first.verdict else { panic!("{first:?}") };
    let call = charges([(real, 3), (small, 3), (large, 3)]);
    world.under.limiter.refund(&world.subject, &call, taken).await.expect("a refund");
    assert_eq!(remaining().await, [100, 5, 100]);
}
