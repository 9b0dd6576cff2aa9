//! Several instances that act as one limiter, some of which may hold part of a limit in hand for a while.
//!
//! The harness gives one limiter, which sends each call to the next of its instances. Not all that the other laws say holds
//! for such a limiter: what one instance has in hand is missing to the others. What follows does.
//!
//! The clock goes forward, unless a law says otherwise.

use activity_domain::limit::{Quota, Subject};
use proptest::prelude::*;

use super::exact::{Answer, History, Step, World, takes, takes_and_refunds_in_order, takes_on_a_bad_clock};
use super::{LimiterHarness, SECOND, charges, each, quota};
use crate::make;
use crate::property::check;

/// More instances than a harness has.
const INSTANCES: usize = 8;
/// A lease lasts no longer, in microseconds.
const LEASE: i64 = SECOND / 2;

/// Wherever a window is laid over calls and refunds, what was admitted in it and not given back does not exceed the limit.
pub async fn no_window_over_instances_holds_more(harness: &dyn LimiterHarness) {
    let histories = [larger(takes_and_refunds_in_order()).boxed(), dense().boxed()];
    check(&histories.map(|one| prop::collection::vec(one, 4)), async |histories| {
        for history in histories.concat() {
            let mut world = World::fresh(harness).await;
            for step in &history.steps {
                play(&mut world, history.quota, step).await;
                if let Step::Refund(_) = step {
                    continue;
                }
                let most = fullest(history.quota, &world.log);
                prop_assert!(most <= history.quota.limit.get().into(), "{} in a window", most);
            }
        }
        Ok(())
    });
}

/// Wherever a window is laid over the calls of an unerring watch, what was admitted in it does not exceed the limit, though the
/// clock is put back again and again, and some of the instances have seen the later time with others' calls. For those without
/// leases: a law's clock is theirs too, and a lease ends by one that nobody puts back.
pub async fn a_clock_put_back_admits_nobody_more(harness: &dyn LimiterHarness) {
    let histories = prop::collection::vec((takes_on_a_bad_clock(), 0..INSTANCES, 0..INSTANCES), 4);
    check(&histories, async |histories| {
        for (history, early, late) in histories {
            let mut world = World::fresh(harness).await;
            let (seconds, other) = (history.quota.window.seconds(), Subject::Client(make::client_id("CL-2")));
            // Some see a time that is long over when the others come.
            for _ in 0..early {
                world.under.limiter.take(&other, &each(&[history.quota], 1)).await.expect("a decision");
            }
            world.under.clock.advance(-3 * i64::from(seconds) * SECOND).await;
            for _ in 0..late {
                world.under.limiter.peek(&other, &history.quota.into()).await.expect("states");
            }
            world.play(&history).await;
            let most = fullest(history.quota, &world.course);
            prop_assert!(most <= history.quota.limit.get().into(), "{} in a window", most);
        }
        Ok(())
    });
}

/// Once all has been given back that was in hand, what remains is the limit less the window: neither refused calls nor
/// leases have cost anything, and refunds and leases came back to where they were counted.
pub async fn when_nothing_is_in_hand_what_remains_is_exact(harness: &dyn LimiterHarness) {
    check(&larger(takes_and_refunds_in_order()), async |history| {
        let mut world = World::fresh(harness).await;
        let (limit, seconds) = (u64::from(history.quota.limit.get()), history.quota.window.seconds());
        for step in &history.steps {
            play(&mut world, history.quota, step).await;
        }
        // A peek gives back what the instance has in hand.
        let mut remaining = 0;
        for _ in 0..2 * INSTANCES {
            remaining = world.peek(history.quota).await.remaining.into();
        }
        prop_assert!(remaining + world.counts(seconds) <= limit, "{} remain", remaining);
        prop_assert!(remaining + world.may_count(seconds) >= limit, "{} remain", remaining);
        Ok(())
    });
}

/// What is said to remain was true a lease ago: nothing that was taken by anybody before that is left out, and nothing that
/// the instance itself took since.
pub async fn what_remains_is_no_older_than_a_lease(harness: &dyn LimiterHarness) {
    check(&larger(takes()), async |history| {
        let mut world = World::fresh(harness).await;
        let (limit, window) = (u64::from(history.quota.limit.get()), history.quota.window.seconds());
        for step in &history.steps {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let (answer, state) = world.take(history.quota, *cost).await;
                    let from = world.now - i64::from(window) * SECOND;
                    let known = world.log.iter().filter(|(at, _)| (from..world.now - LEASE).contains(at));
                    let known: u64 = known.map(|(_, cost)| cost).sum();
                    let own = if answer == Answer::Admitted { *cost } else { 0 };
                    prop_assert!(u64::from(state.remaining) + known + own <= limit, "{:?}", state);
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// After the time that a refusal names the same call is admitted, by whichever instance it comes to.
pub async fn a_retry_after_the_wait_is_admitted_by_any_instance(harness: &dyn LimiterHarness) {
    check(&(larger(takes()), 1u64..16), async |(history, amount)| {
        let mut world = World::fresh(harness).await;
        world.play(&history).await;
        if let (Answer::Refused(wait), _) = world.take(history.quota, amount).await {
            world.advance(wait * SECOND).await;
            let (answer, _) = world.take(history.quota, amount).await;
            prop_assert_eq!(answer, Answer::Admitted, "after {} s", wait);
        }
        Ok(())
    });
}

/// A limit that is lowered again and again acts each time with the call that brings it, whatever instances have in hand of
/// those before.
pub async fn a_lowered_limit_acts_at_once_everywhere(harness: &dyn LimiterHarness) {
    check(&(takes(), prop::collection::vec(1u32..60, 120)), async |(history, mut limits)| {
        limits.truncate(history.steps.len());
        limits.sort_unstable_by_key(|limit| std::cmp::Reverse(*limit));
        let mut world = World::fresh(harness).await;
        let seconds = history.quota.window.seconds();
        for (step, limit) in history.steps.iter().zip(limits) {
            match step {
                Step::Move(micros) => world.advance(*micros).await,
                Step::Take(cost) => {
                    let (answer, _) = world.take(quota("default", limit, seconds), *cost).await;
                    if answer == Answer::Admitted {
                        prop_assert!(world.counts(seconds) <= limit.into());
                    }
                    prop_assert_eq!(answer == Answer::Impossible, *cost > limit.into());
                }
                Step::Refund(_) => {}
            }
        }
        Ok(())
    });
}

/// Of two quotas with windows of their own each holds in every window, though calls take different amounts of them, and
/// some touch one only.
pub async fn several_quotas_hold_over_instances(harness: &dyn LimiterHarness) {
    let step = (0i64..3_000, 0u64..4, 0u64..3);
    check(&prop::collection::vec(step, 1..150), async |steps| {
        let mut world = World::fresh(harness).await;
        let quotas = [quota("default", 40, 60), quota("export", 25, 7)];
        let mut logs = [Vec::new(), Vec::new()];
        for (millis, first, second) in steps {
            world.advance(millis * 1_000).await;
            let call = charges([(quotas[0], first), (quotas[1], second)]);
            let decision = world.under.limiter.take(&world.subject, &call).await.expect("a decision");
            if let activity_domain::limit::Verdict::Admitted(_) = decision.verdict {
                for (log, cost) in logs.iter_mut().zip([first, second]) {
                    log.push((world.clock, cost));
                }
            }
        }
        for (quota, log) in quotas.iter().zip(&logs) {
            prop_assert!(fullest(*quota, log) <= quota.limit.get().into(), "{:?}", quota);
        }
        Ok(())
    });
}

/// A reset forgets what one subject has in hand at the instance that is told.
pub async fn a_reset_ends_what_is_in_hand(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let of = |cost| each(&[quota("default", 100, 3_600)], cost);
    for _ in 0..3 {
        for _ in 0..30 {
            world.under.limiter.take(&world.subject, &of(1)).await.expect("a decision");
        }
        for _ in 0..2 * INSTANCES {
            world.under.limiter.reset(&world.subject).await.expect("a reset");
        }
        let states = world.under.limiter.peek(&world.subject, &quota("default", 100, 3_600).into()).await;
        assert_eq!(states.expect("states")[0].remaining, 100);
    }
}

/// The same history of a limit that leaves room for leases.
fn larger(histories: impl Strategy<Value = History>) -> impl Strategy<Value = History> {
    histories.prop_map(|history| {
        let limit = history.quota.limit.get() + 20;
        History { quota: quota("default", limit, history.quota.window.seconds()), ..history }
    })
}

/// Many calls in short windows, whose slots are far shorter than a lease could be.
fn dense() -> impl Strategy<Value = History> {
    (prop::sample::select(vec![1u32, 2]), 6u32..40).prop_flat_map(|(seconds, limit)| {
        let window = i64::from(seconds) * SECOND;
        let moves = prop_oneof![3 => 0..window / 12, 2 => 0..window / 2, 1 => window / 2..window];
        let step = prop_oneof![1 => moves.prop_map(Step::Move), 3 => (1..4u64).prop_map(Step::Take)];
        let quota = quota("default", limit, seconds);
        prop::collection::vec(step, 50..200).prop_map(move |steps| History { quota, steps })
    })
}

async fn play(world: &mut World, quota: Quota, step: &Step) {
    match step {
        Step::Move(micros) => world.advance(*micros).await,
        Step::Take(cost) => drop(world.take(quota, *cost).await),
        Step::Refund(ago) => world.refund(quota, *ago).await,
    }
}

/// The most that any window holds.
fn fullest(quota: Quota, log: &[(i64, u64)]) -> u64 {
    let window = i64::from(quota.window.seconds()) * SECOND;
    let from = |from: i64| {
        let within = log.iter().filter(move |(at, _)| (from..=from + window).contains(at));
        within.map(|(_, cost)| cost).sum::<u64>()
    };
    log.iter().map(|(at, _)| from(*at)).max().unwrap_or(0)
}
