//! Giving back and forgetting.

use activity_domain::limit::{Charges, Quotas, Taken, Verdict};
use proptest::prelude::*;

use super::exact::{Step, World, slot, takes_and_refunds};
use super::{LimiterHarness, SECOND, charges, each, quota, subjects};
use crate::property::check;

async fn taken(world: &World, charges: &Charges) -> Taken {
    let decision = world.under.limiter.take(&world.subject, charges).await.expect("a decision");
    match decision.verdict {
        Verdict::Admitted(taken) => taken,
        other => panic!("{charges:?} should fit: {other:?}"),
    }
}

async fn remaining(world: &World, charges: &Charges) -> Vec<u32> {
    let states = world.under.limiter.peek(&world.subject, &Quotas::from(charges)).await.expect("states");
    states.iter().map(|state| state.remaining).collect()
}

/// After a refund the window holds what the other calls took, no more and no less: whenever it comes,
/// and whatever came between.
pub async fn a_refund_gives_back_exactly_what_was_taken(harness: &dyn LimiterHarness) {
    check(&takes_and_refunds(), async |history| {
        let mut world = World::fresh(harness).await;
        let (limit, seconds) = (u64::from(history.quota.limit.get()), history.quota.window.seconds());
        for step in &history.steps {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => drop(world.take(history.quota, *cost).await),
                Step::Refund(ago) => world.refund(history.quota, *ago).await,
            }
            let remaining = u64::from(world.peek(history.quota).await.remaining);
            prop_assert!(remaining + world.counts(seconds) <= limit, "{} remain", remaining);
            prop_assert!(remaining + world.may_count(seconds) >= limit, "{} remain", remaining);
        }
        Ok(())
    });
}

/// A call that comes back when its part of the window has long been used for others frees none of those.
pub async fn a_late_refund_gives_back_nothing(harness: &dyn LimiterHarness) {
    let of = |cost| each(&[quota("default", 10, 60)], cost);
    // 61 slots later, and its multiples, a ring has come round to the same place.
    for wait in [60 * SECOND + slot(60), 61 * slot(60), 122 * slot(60), 6_100 * slot(60)] {
        let mut world = World::fresh(harness).await;
        let late = taken(&world, &of(3)).await;
        world.advance(wait).await;
        taken(&world, &of(4)).await;
        world.under.limiter.refund(&world.subject, &of(3), late).await.expect("a refund");
        assert_eq!(remaining(&world, &of(1)).await, [6], "after {wait} us");
    }
}

/// What was taken from several quotas comes back to all of them, to each what it gave, and to no other
/// subject or quota.
pub async fn a_refund_goes_to_all_quotas_of_the_call(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let [first, second, third] =
        [quota("default", 10, 60), quota("per-day", 50, 86_400), quota("export", 5, 3_600)];
    let call = charges([(first, 7), (second, 4), (third, 0)]);
    let back = taken(&world, &call).await;
    taken(&world, &each(&[second], 20)).await;
    taken(&world, &each(&[third], 2)).await;
    assert_eq!(remaining(&world, &call).await, [3, 26, 3]);
    world.under.limiter.refund(&world.subject, &call, back).await.expect("a refund");
    assert_eq!(remaining(&world, &call).await, [10, 30, 3]);
}

/// A reset gives a subject all its limits back, and changes no other subject's.
pub async fn a_reset_forgets_one_subject(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    let call = each(&[quota("default", 10, 60), quota("per-day", 50, 86_400)], 10);
    for subject in subjects() {
        world.subject = subject;
        taken(&world, &call).await;
    }
    for subject in subjects() {
        world.subject = subject;
        assert_eq!(remaining(&world, &call).await, [0, 40], "{}", world.subject);
        world.under.limiter.reset(&world.subject).await.expect("a reset");
        assert_eq!(remaining(&world, &call).await, [10, 50], "{}", world.subject);
        taken(&world, &call).await;
        world.under.limiter.reset(&world.subject).await.expect("a reset");
    }
}

/// What a reset has forgotten cannot be given back once more at the cost of later calls.
pub async fn a_refund_after_a_reset_gives_back_nothing(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    let of = |cost| each(&[quota("default", 10, 60)], cost);
    let forgotten = taken(&world, &of(3)).await;
    world.under.limiter.reset(&world.subject).await.expect("a reset");
    world.advance(1).await;
    let fresh = taken(&world, &of(5)).await;
    world.under.limiter.refund(&world.subject, &of(3), forgotten).await.expect("a refund");
    assert_eq!(remaining(&world, &of(1)).await, [5]);
    world.under.limiter.refund(&world.subject, &of(5), fresh).await.expect("a refund");
    assert_eq!(remaining(&world, &of(1)).await, [10]);
}
