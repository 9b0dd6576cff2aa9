//! How much is admitted, and when.

use activity_domain::limit::{Subject, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

use super::exact::{Answer, Step, World, slot, takes, takes_on_a_bad_clock};
use super::{LimiterHarness, SECOND, each, quota};
use crate::make;
use crate::property::check;

/// Wherever a window is laid over the calls, those in it do not add up to more than the limit: whatever
/// they cost, whenever they come, wherever the clock jumps.
pub async fn no_window_holds_more_than_the_limit(harness: &dyn LimiterHarness) {
    // The law that all others are about gets more histories than they do.
    let histories = prop::collection::vec(takes_on_a_bad_clock(), 4);
    check(&histories, async |histories| {
        for history in histories {
            let mut world = World::fresh(harness).await;
            world.play(&history).await;
            let window = i64::from(history.quota.window.seconds()) * SECOND;
            for (from, _) in &world.log {
                let within = world.log.iter().filter(|(at, _)| (*from..=from + window).contains(at));
                let sum: u64 = within.map(|(_, cost)| cost).sum();
                prop_assert!(sum <= history.quota.limit.get().into(), "{} in the window from {}", sum, from);
            }
        }
        Ok(())
    });
}

/// Not by a microsecond is a window too short, wherever in a slot it begins: a second is no whole number
/// of slots of whole microseconds.
pub async fn no_window_is_too_short_by_a_microsecond(harness: &dyn LimiterHarness) {
    const STEP: i64 = 20;
    let under = harness.fresh().await;
    let once = each(&[quota("default", 1, 1)], 1);
    let subjects: Vec<Subject> =
        (0..=slot(1) / STEP).map(|n| Subject::Client(make::client_id(&format!("CL-{n}")))).collect();
    for subject in &subjects {
        let first = under.limiter.take(subject, &once).await.expect("a decision");
        assert!(matches!(first.verdict, Verdict::Admitted(_)), "{subject}: {first:?}");
        under.clock.advance(STEP).await;
    }
    let passed = STEP * i64::try_from(subjects.len()).expect("a few");
    under.clock.advance(SECOND - 1 - passed).await;
    for subject in &subjects {
        let second = under.limiter.take(subject, &once).await.expect("a decision");
        assert!(matches!(second.verdict, Verdict::Refused { .. }), "{subject}: {second:?}");
        under.clock.advance(STEP).await;
    }
}

/// The whole limit can be used: nothing is refused unless the window and a sixtieth of it before hold
/// too much.
pub async fn nothing_is_refused_without_need(harness: &dyn LimiterHarness) {
    check(&takes_on_a_bad_clock(), async |history| {
        let mut world = World::fresh(harness).await;
        for step in &history.steps {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let limit = u64::from(history.quota.limit.get());
                    let (answer, _) = world.take(history.quota, *cost).await;
                    let counted = world.may_count(history.quota.window.seconds());
                    if let Answer::Refused(_) = answer {
                        prop_assert!(
                            counted + cost > limit,
                            "{} of {} refused with {}",
                            cost,
                            limit,
                            counted
                        );
                    }
                    prop_assert_eq!(answer == Answer::Impossible, *cost > limit);
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// After the time that a refusal names, the same call is admitted; and it is not sent away for longer
/// than a sixtieth of the window and the rounding up to a second.
pub async fn a_retry_after_the_wait_is_admitted(harness: &dyn LimiterHarness) {
    check(&(takes_on_a_bad_clock(), 1u64..16), async |(history, amount)| {
        let mut world = World::fresh(harness).await;
        world.play(&history).await;
        if let (Answer::Refused(wait), _) = world.take(history.quota, amount).await {
            let needed = world.has_room_at(history.quota, amount) - world.clock;
            let window = i64::from(history.quota.window.seconds()) * SECOND;
            let longest = needed + 61 * slot(history.quota.window.seconds()) - window;
            prop_assert!(wait * SECOND < longest + SECOND, "{} s where {} us would do", wait, needed);
            world.advance(wait * SECOND).await;
            let (answer, _) = world.take(history.quota, amount).await;
            prop_assert_eq!(answer, Answer::Admitted, "after {} s", wait);
        }
        Ok(())
    });
}

/// The limit of a call is what counts, not that of the calls before: lowered or raised, it acts at once.
pub async fn a_changed_limit_acts_at_once(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    assert_eq!(world.take(quota("default", 10, 60), 6).await.0, Answer::Admitted);
    let (answer, state) = world.take(quota("default", 6, 60), 1).await;
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    assert_eq!(state.remaining, 0);
    assert_eq!(world.peek(quota("default", 5, 60)).await.remaining, 0);
    assert_eq!(world.take(quota("default", 12, 60), 6).await.0, Answer::Admitted);

    check(&(takes(), prop::collection::vec(1u32..16, 120)), async |(history, limits)| {
        let mut world = World::fresh(harness).await;
        let seconds = history.quota.window.seconds();
        for (step, limit) in history.steps.iter().zip(limits) {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let (answer, _) = world.take(quota("default", limit, seconds), *cost).await;
                    match answer {
                        Answer::Admitted => prop_assert!(world.counts(seconds) <= limit.into()),
                        Answer::Refused(_) => prop_assert!(world.may_count(seconds) + cost > limit.into()),
                        Answer::Impossible => prop_assert!(*cost > limit.into()),
                    }
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// A changed window acts at once. All that has lain in every window since then goes on counting.
pub async fn a_changed_window_forgets_nothing_too_early(harness: &dyn LimiterHarness) {
    let windows = prop::collection::vec((select(vec![1u32, 3, 10, 60, 61, 3_600]), 0u32..6), 120);
    check(&(takes(), windows), async |(history, windows)| {
        let mut world = World::fresh(harness).await;
        let mut seconds = history.quota.window.seconds();
        for (step, (other, dice)) in history.steps.iter().zip(windows) {
            match step {
                // Moves fit the first window; no longer than what is usual now.
                Step::Move(micros) => world.advance(micros % (2 * i64::from(seconds) * SECOND)).await,
                Step::Take(cost) => {
                    seconds = if dice == 0 { other } else { seconds };
                    let changed = quota("default", history.quota.limit.get(), seconds);
                    let (answer, state) = world.take(changed, *cost).await;
                    let from = world.now - i64::from(seconds) * SECOND;
                    world.log.retain(|(at, _)| *at >= from);
                    let (counted, limit) = (world.counts(seconds), u64::from(changed.limit.get()));
                    prop_assert!(answer != Answer::Admitted || counted <= limit, "{} of {}", counted, limit);
                    prop_assert!(u64::from(state.remaining) <= limit - counted.min(limit));
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// What counts under one window counts under the next, until it has left that one, and no longer than
/// the two windows' slots make it.
pub async fn a_changed_window_keeps_what_still_counts(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    let of = |seconds| quota("default", 10, seconds);
    assert_eq!(world.take(of(60), 6).await.1.remaining, 4);
    assert_eq!(world.take(of(3_600), 1).await.1.remaining, 3);
    world.advance(3_000 * SECOND).await;
    assert_eq!(world.take(of(3_600), 1).await.1.remaining, 2);
    world.advance(600 * SECOND).await;
    assert_eq!(world.take(of(3_600), 1).await.1.remaining, 1);
    // The first seven have left a minute, the eighth too; the ninth has not.
    assert_eq!(world.take(of(60), 1).await.1.remaining, 8);
    world.advance(122 * SECOND).await;
    assert_eq!(world.take(of(60), 1).await.1.remaining, 9);
}
