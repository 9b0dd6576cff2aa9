//! With room and without.

use activity_domain::client::RateLimit;
use activity_domain::id::ClientId;
use activity_domain::limit::{Charge, Quota, QuotaName, Verdict, Window};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn subject(number: usize) -> Subject {
    Subject::Client(ClientId::parse(&format!("CL-{number}")).unwrap())
}

fn charge(name: &str, limit: i64, seconds: i64, cost: u64) -> Charge {
    let (name, window) = (QuotaName::parse(name).unwrap(), Window::parse(seconds).unwrap());
    let quota = Quota { name, limit: RateLimit::parse(limit).unwrap(), window, shadow: false };
    Charge { quota, cost }
}

/// Of ten in 64 seconds, which a crowd counts to the second.
fn some(cost: u64) -> Charges {
    charge("default", 10, 64, cost).into()
}

fn take(shard: &mut Shard, number: usize, cost: u64, seconds: i64) -> Verdict {
    shard.take(&subject(number), &some(cost), at(seconds)).verdict
}

fn admits(shard: &mut Shard, number: usize, cost: u64, seconds: i64) -> bool {
    matches!(take(shard, number, cost, seconds), Verdict::Admitted(_))
}

fn remaining(shard: &mut Shard, number: usize, seconds: i64) -> u32 {
    shard.peek(&subject(number), &Quotas::from(&some(0)), at(seconds))[0].remaining
}

#[test]
fn idle_subjects_leave_and_the_others_stay_where_they_are_found() {
    let mut shard = Shard::with_room(100);
    for number in 0..100 {
        assert!(admits(&mut shard, number, 3, 600));
    }
    for number in (0..100).step_by(3) {
        assert!(admits(&mut shard, number, 3, 650));
    }
    // Only every third counts now; each newcomer looks at a few.
    for number in 100..130 {
        assert!(admits(&mut shard, number, 3, 670));
    }
    assert_eq!(shard.subjects(), 34 + 30);
    assert_eq!(shard.index.len(), shard.entries.len());
    for number in (0..100).step_by(3).chain(100..130) {
        assert_eq!(remaining(&mut shard, number, 670), 7, "{number}");
    }
}

#[test]
fn without_room_newcomers_share_one_limit() {
    let mut shard = Shard::with_room(2);
    for number in 0..2 {
        assert!(admits(&mut shard, number, 10, 600));
    }
    assert!(admits(&mut shard, 2, 6, 600));
    assert!(admits(&mut shard, 3, 4, 600));
    assert!(!admits(&mut shard, 2, 1, 600));
    assert!(!admits(&mut shard, 4, 1, 600));
    assert_eq!((shard.subjects(), remaining(&mut shard, 4, 600)), (2, 0));
}

#[test]
fn who_finds_room_does_not_get_its_limit_twice() {
    let mut shard = Shard::with_room(1);
    assert!(admits(&mut shard, 0, 1, 600));
    assert!(admits(&mut shard, 1, 10, 640));
    // The first is idle now, and there is room.
    assert!(!admits(&mut shard, 1, 1, 670));
    assert_eq!(shard.subjects(), 1);
    assert!(shard.index.contains_key(&subject(1)));
    assert!(admits(&mut shard, 1, 10, 706));
}

#[test]
fn the_crowd_is_forgotten_when_nothing_counts() {
    let mut shard = Shard::with_room(1);
    assert!(admits(&mut shard, 0, 1, 600));
    assert!(admits(&mut shard, 1, 10, 600));
    assert!(admits(&mut shard, 0, 1, 660));
    assert!(admits(&mut shard, 2, 10, 665));
    assert!(admits(&mut shard, 3, 1, 800));
    assert!(shard.index.contains_key(&subject(3)));
    assert_eq!(format!("{:?}", shard.crowd), format!("{:?}", Counts::shared()));
}

#[test]
fn what_the_crowd_took_can_be_given_back() {
    let mut shard = Shard::with_room(1);
    assert!(admits(&mut shard, 0, 1, 600));
    let Verdict::Admitted(taken) = take(&mut shard, 1, 10, 600) else { panic!("there is room") };
    shard.refund(&subject(1), &some(10), &taken);
    assert_eq!(remaining(&mut shard, 1, 600), 10);
}

/// Under one name, a short window and a long one.
#[test]
fn a_crowd_gives_nobody_more_than_a_limit_whatever_others_call_theirs() {
    let mut shard = Shard::with_room(1);
    assert!(admits(&mut shard, 0, 1, 600));
    let mut take = |number, charge: Charge, seconds| {
        let decision = shard.take(&subject(number), &charge.into(), at(seconds));
        matches!(decision.verdict, Verdict::Admitted(_))
    };
    assert!(take(1, charge("burst", 5, 600, 5), 600));
    assert!(take(2, charge("burst", 5, 1, 5), 600));
    for number in 3..100 {
        assert!(take(number, charge(&format!("burst-{number}"), 1_000, 600, 1), 600));
    }
    assert!(take(2, charge("burst", 5, 1, 5), 602));
    assert!(!take(1, charge("burst", 5, 600, 1), 603));
    assert!(!take(1, charge("burst", 5, 600, 1), 1_200));
    let wide = shard.crowd.clone();
    assert_eq!(shard.subjects(), 1);
    assert!(format!("{wide:?}").matches("Ring").count() <= 2);
}

/// All its quotas of about one window share a counter there, which counts a call once.
#[test]
fn in_a_crowd_a_call_counts_once_and_comes_back_once() {
    let mut shard = Shard::with_room(1);
    assert!(admits(&mut shard, 0, 1, 600));
    let call = |costs: [u64; 3]| {
        let of = [("default", 100, 60), ("burst", 50, 64), ("export", 10, 3_600)];
        let charges = of.into_iter().zip(costs);
        Charges::parse(charges.map(|((name, limit, w), cost)| charge(name, limit, w, cost)).collect())
            .unwrap()
    };
    let quotas = Quotas::from(&call([0; 3]));
    let remaining = |shard: &mut Shard| {
        let states = shard.peek(&subject(1), &quotas, at(600));
        states.iter().map(|state| state.remaining).collect::<Vec<_>>()
    };
    let taken = shard.take(&subject(1), &call([50, 50, 5]), at(600));
    let Verdict::Admitted(taken) = taken.verdict else { panic!("{taken:?}") };
    assert_eq!(remaining(&mut shard), [50, 0, 5]);
    assert!(matches!(
        shard.take(&subject(2), &call([50, 1, 0]), at(600)).verdict,
        Verdict::Refused { by: 1, .. }
    ));
    shard.refund(&subject(1), &call([50, 50, 5]), &taken);
    assert_eq!(remaining(&mut shard), [100, 50, 10]);
}

#[test]
fn what_was_forgotten_takes_nothing_from_the_crowd() {
    let mut shard = Shard::with_room(1);
    let short = || Charges::from(charge("default", 10, 33, 4));
    let Verdict::Admitted(late) = shard.take(&subject(0), &short(), at(600)).verdict else { panic!() };
    assert!(shard.take(&subject(1), &short(), at(600)).would_refuse.is_empty());
    // Subject 0 no longer counts and makes room for 2; what 1 took counts on in the crowd.
    assert!(admits(&mut shard, 2, 1, 640));
    assert!(!shard.index.contains_key(&subject(0)));
    shard.refund(&subject(0), &short(), &late);
    assert_eq!(shard.peek(&subject(1), &Quotas::from(&short()), at(640))[0].remaining, 6);
}

#[test]
fn a_clock_put_back_frees_nobody_who_was_forgotten() {
    let mut shard = Shard::with_room(10);
    assert!(admits(&mut shard, 0, 10, 600));
    // The clock runs ahead; the first is forgotten, takes all again, and the clock comes back.
    assert!(admits(&mut shard, 1, 1, 4_000));
    assert!(!shard.index.contains_key(&subject(0)));
    assert!(admits(&mut shard, 0, 10, 610));
    assert!(!admits(&mut shard, 0, 1, 700));
    assert!(!admits(&mut shard, 0, 1, 4_063));
    assert!(admits(&mut shard, 0, 1, 4_065));
}
/// What happens to a shard that has no room for all.
#[derive(Debug, Clone)]
enum Step {
    /// So many milliseconds pass.
    Wait(i64),
    /// A subject takes from its three quotas.
    Take(usize, [u64; 3]),
    /// What was taken so many admitted calls ago is given back.
    Refund(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let waits = prop_oneof![0..2_000i64, 0..90_000i64, Just(3_700_000)];
    let costs = [0..4u64, 0..4u64, 0..4u64];
    let step = prop_oneof![
        4 => waits.prop_map(Step::Wait),
        8 => (0..5usize, costs).prop_map(|(who, costs)| Step::Take(who, costs)),
        2 => (0..4usize).prop_map(Step::Refund),
    ];
    prop::collection::vec(step, 1..200)
}

/// Limits and windows of the three quotas of each subject.
fn quotas() -> impl Strategy<Value = [[(i64, i64); 3]; 5]> {
    let quota = || (1..12i64, select(vec![1i64, 7, 60, 64, 100, 3_600]));
    let three = || [quota(), quota(), quota()];
    [three(), three(), three(), three(), three()]
}

proptest! {
    /// Counted together or apart, found room or lost it: in no window does anybody get more than a
    /// limit, of what was not given back.
    #[test]
    fn nobody_gets_more_than_a_limit_with_or_without_room(
        room in 1..4usize,
        quotas in quotas(),
        steps in steps(),
    ) {
        let mut shard = Shard::with_room(room);
        let (mut now, mut calls) = (1_000_000_000i64, Vec::new());
        let charges = |who: usize, costs: [u64; 3]| {
            let named = ["default", "burst", "export"].into_iter().zip(quotas[who]).zip(costs);
            let charges = named.map(|((name, (limit, window)), cost)| charge(name, limit, window, cost));
            Charges::parse(charges.collect()).unwrap()
        };
        for step in steps {
            match step {
                Step::Wait(millis) => now += millis,
                Step::Take(who, costs) => {
                    let at = Timestamp::from_micros(now * 1_000).unwrap();
                    let decision = shard.take(&subject(who), &charges(who, costs), at);
                    if let Verdict::Admitted(taken) = decision.verdict {
                        calls.push((who, costs, now, taken));
                    }
                }
                Step::Refund(ago) => {
                    if let Some(place) = calls.len().checked_sub(ago + 1) {
                        let (who, costs, _, taken) = calls.remove(place);
                        shard.refund(&subject(who), &charges(who, costs), &taken);
                    }
                }
            }
            for (who, quotas) in quotas.iter().enumerate() {
                for (place, (limit, window)) in quotas.iter().enumerate() {
                    let within = calls.iter().filter(|(of, _, at, _)| *of == who && at + window * 1_000 >= now);
                    let sum: u64 = within.map(|(_, costs, ..)| costs[place]).sum();
                    prop_assert!(sum <= limit.unsigned_abs(), "{} of {} for {}", sum, limit, who);
                }
            }
        }
    }
}
