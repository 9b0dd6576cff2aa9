//! That answers are true: what remains, when it resets, what a peek says.

use proptest::prelude::*;

use super::exact::{Answer, Step, World, slot, takes, takes_on_a_bad_clock};
use super::{LimiterHarness, SECOND, quota};
use crate::property::check;

/// What remains falls by what is taken, stays with a refusal, and rises with time alone.
pub async fn remaining_rises_by_time_only(harness: &dyn LimiterHarness) {
    check(&takes_on_a_bad_clock(), async |history| {
        let mut world = World::fresh(harness).await;
        let mut before = (i64::MIN, history.quota.limit.get());
        for step in &history.steps {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let (answer, state) = world.take(history.quota, *cost).await;
                    let taken = if answer == Answer::Admitted { *cost } else { 0 };
                    let expected = u64::from(before.1).checked_sub(taken);
                    if before.0 == world.now {
                        prop_assert_eq!(Some(state.remaining.into()), expected, "after {:?}", answer);
                    } else {
                        let used = state.quota.limit.get() - state.remaining;
                        prop_assert!(taken <= used.into(), "{} taken, {} used", taken, used);
                    }
                    before = (world.now, state.remaining);
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// What remains is what the limit leaves of the calls in the window; a slot may count until all of it
/// has left.
pub async fn remaining_is_the_limit_less_the_window(harness: &dyn LimiterHarness) {
    check(&takes_on_a_bad_clock(), async |history| {
        let mut world = World::fresh(harness).await;
        let (limit, seconds) = (u64::from(history.quota.limit.get()), history.quota.window.seconds());
        for step in &history.steps {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let remaining = u64::from(world.take(history.quota, *cost).await.1.remaining);
                    prop_assert!(remaining + world.counts(seconds) <= limit);
                    prop_assert!(remaining + world.may_count(seconds) >= limit);
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// A limiter that refused many calls answers like one that never saw them.
pub async fn a_refused_call_costs_nothing(harness: &dyn LimiterHarness) {
    check(&takes(), async |history| {
        let mut asked = World::fresh(harness).await;
        let mut spared = World::fresh(harness).await;
        for step in &history.steps {
            match step {
                Step::Move(micros) => {
                    asked.advance(*micros).await;
                    spared.advance(*micros).await;
                }
                Step::Take(cost) => {
                    let (answer, state) = asked.take(history.quota, *cost).await;
                    if answer == Answer::Admitted {
                        prop_assert_eq!(spared.take(history.quota, *cost).await, (answer, state));
                    }
                }
                Step::Refund(_) => {}
            }
        }
        prop_assert_eq!(asked.peek(history.quota).await, spared.peek(history.quota).await);
        Ok(())
    });
}

/// A batch above what remains takes nothing, not even what would fit.
pub async fn a_batch_is_taken_whole_or_not_at_all(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    let quota = quota("default", 10, 60);
    assert_eq!(world.take(quota, 7).await.1.remaining, 3);
    for batch in [4, 10] {
        let (answer, state) = world.take(quota, batch).await;
        assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
        assert_eq!(state.remaining, 3);
    }
    assert_eq!(world.take(quota, 3).await.0, Answer::Admitted);
}

/// A limiter that is peeked at answers like one that is not, and a peek foretells the next answer.
pub async fn a_peek_costs_nothing_and_foretells(harness: &dyn LimiterHarness) {
    check(&takes(), async |history| {
        let mut peeked = World::fresh(harness).await;
        let mut left_alone = World::fresh(harness).await;
        let limit = u64::from(history.quota.limit.get());
        for step in &history.steps {
            match step {
                Step::Move(micros) => {
                    peeked.advance(*micros).await;
                    left_alone.advance(*micros).await;
                }
                Step::Take(cost) => {
                    // Under another quota of that name it shows that quota, and disturbs nothing.
                    let other = quota("default", 3, 2);
                    prop_assert_eq!(peeked.peek(other).await.quota, other);
                    let before = peeked.peek(history.quota).await;
                    let (answer, after) = peeked.take(history.quota, *cost).await;
                    prop_assert_eq!(left_alone.take(history.quota, *cost).await, (answer, after));
                    let fits = *cost <= before.remaining.into();
                    prop_assert_eq!(answer == Answer::Admitted, fits, "{:?} after {:?}", answer, before);
                    prop_assert_eq!(answer == Answer::Impossible, *cost > limit);
                    prop_assert!(fits || before == after, "{:?}, then {:?}", before, after);
                    prop_assert_eq!(peeked.peek(history.quota).await, after);
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// After the seconds to the reset the whole limit is there; they are 0 if it is there already, and not
/// more than a sixtieth of the window and the rounding up to a second too many.
pub async fn after_the_reset_everything_remains(harness: &dyn LimiterHarness) {
    check(&takes_on_a_bad_clock(), async |history| {
        let mut world = World::fresh(harness).await;
        world.play(&history).await;
        let state = world.peek(history.quota).await;
        let limit = history.quota.limit.get();
        prop_assert_eq!(state.reset_seconds == 0, state.remaining == limit, "{:?}", state);
        if state.reset_seconds > 0 {
            let wait = i64::try_from(state.reset_seconds).expect("seconds") * SECOND;
            let last = world.log.last().map_or(i64::MIN, |(at, _)| *at);
            let gone = last + 61 * slot(history.quota.window.seconds()) - world.clock;
            prop_assert!(wait < gone + SECOND, "{} us for what is gone in {}", wait, gone);
            world.advance(wait).await;
            prop_assert_eq!(world.peek(history.quota).await.remaining, limit);
        }
        Ok(())
    });
}

/// A cost above the whole limit is not a matter of time: it is told apart from a refusal, and costs nothing.
pub async fn a_cost_above_the_limit_is_impossible(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    let quota = quota("default", 10, 60);
    for cost in [11, 4_294_967_297, u64::MAX] {
        let (answer, state) = world.take(quota, cost).await;
        assert_eq!((answer, state.remaining, state.reset_seconds), (Answer::Impossible, 10, 0), "{cost}");
    }
    assert_eq!(world.take(quota, 10).await.0, Answer::Admitted);
    assert_eq!(world.take(quota, 11).await.0, Answer::Impossible);
    assert_eq!(world.peek(quota).await.remaining, 0);
}
