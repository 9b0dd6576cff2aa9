//! Who comes back to a place.

use activity_domain::live::{Delivery, Scope};
use proptest::prelude::*;

use super::{FeedHarness, Told, back, calls, next, only, reader, sees, settle, told};
use crate::property;

/// Whoever comes back, wherever, to wherever it was, is told of every event since, and of no other.
pub async fn who_comes_back_is_told_what_it_missed(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let most = feeds.waiting / 4;
    let next = std::sync::atomic::AtomicU64::new(1);
    let scope = prop::sample::select(vec![Scope::Everybody, only("a")]);
    let inputs = (scope, 0..most, 0..most, 0..most, any::<[bool; 3]>());
    property::check(&inputs, async |(scope, before, seen, after, at)| {
        settle(&feeds).await;
        let at = at.map(|is_one| if is_one { &feeds.one } else { &feeds.other });
        let publish = |count: u64, also: u64| {
            let first = next.fetch_add(count + also, std::sync::atomic::Ordering::Relaxed);
            at[2].publish(
                [calls("a", first..first + count), calls("b", first + count..first + count + also)].concat(),
            );
            let of_b = if scope == Scope::Everybody { also } else { 0 };
            (first..first + count + of_b).map(u128::from).collect::<Vec<_>>()
        };
        let mut reader = reader(at[0], scope.clone());
        let mut expected = publish(before, 3);
        let seen = told(&mut reader, seen.min(expected.len() as u64)).await;
        let place = reader.place();
        drop(reader);
        expected.extend(publish(after, 2));
        let mut reader = back(at[1], scope.clone(), &place);
        expected.extend(publish(1, 1));
        let rest = told(&mut reader, expected.len() as u64 - seen.events.len() as u64).await;
        prop_assert_eq!((seen.missed, rest.missed), (0, 0));
        prop_assert_eq!([seen.numbers(), rest.numbers()].concat(), expected);
        prop_assert!(reader.ready().is_none());
        Ok(())
    });
}

/// What is not kept any more is counted: for a reader of one client that client's events, and nobody else's.
pub async fn what_is_not_kept_any_more_is_counted(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let mut all = reader(&feeds.other, Scope::Everybody);
    let start = [Scope::Everybody, only("a"), only("b")].map(|scope| {
        let place = reader(&feeds.other, scope.clone()).place();
        (scope, place)
    });
    let rounds = feeds.kept;
    for round in 0..rounds {
        // Client b is told of once, before all that is kept.
        let of_b = if round == 0 { calls("b", 1..2) } else { Vec::new() };
        feeds.one.publish([of_b, calls("a", 10..11), calls("c", 11..12)].concat());
        told(&mut all, if round == 0 { 3 } else { 2 }).await;
    }
    let published = [rounds * 2 + 1, rounds, 1];
    for ((scope, place), published) in start.into_iter().zip(published) {
        let mut reader = back(&feeds.other, scope.clone(), &place);
        let told = told(&mut reader, published).await;
        let kept = match &scope {
            Scope::Everybody => feeds.kept,
            Scope::Client(client) if client.as_str() == "a" => feeds.kept / 2,
            Scope::Client(_) => 0,
        };
        assert_eq!((told.events.len() as u64, told.missed), (kept, published - kept), "{scope:?}");
        // It was told once, and stands behind it.
        let mut again = back(&feeds.other, scope, &reader.place());
        assert!(again.ready().is_none());
    }
}

/// Whoever comes from where nobody is known has missed nobody knows what, is told so once, and goes on.
pub async fn a_place_that_nobody_knows_is_told(harness: &impl FeedHarness) {
    let (strange, feeds) = (harness.fresh().await, harness.fresh().await);
    let mut reader = reader(&strange.one, only("a"));
    strange.one.publish(calls("a", 1..2));
    sees(&mut reader, 1..2).await;
    let places = [reader.place(), self::reader(&feeds.one, only("b")).place()];
    for (place, number) in places.into_iter().zip(5..) {
        let mut reader = back(&feeds.one, only("a"), &place);
        match next(&mut reader).await {
            Delivery::Lagged(missed) => assert!(!missed.is_exact),
            Delivery::Event(event) => panic!("{event:?}"),
        }
        feeds.one.publish(calls("a", number..number + 1));
        let mut numbers = Vec::new();
        while numbers.last() != Some(&u128::from(number)) {
            let mut told = Told::default();
            told.one_more(&mut reader).await;
            numbers.extend(told.numbers());
        }
        let mut again = back(&feeds.one, only("a"), &reader.place());
        assert!(again.ready().is_none());
    }
}

/// A client's place does not tell what others do: it stays the same, whatever they do.
pub async fn a_place_tells_nothing_of_others(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let mut all = reader(&feeds.one, Scope::Everybody);
    let mut own = reader(&feeds.one, only("a"));
    feeds.one.publish([calls("b", 2..5), calls("a", 1..2)].concat());
    sees(&mut own, 1..2).await;
    let place = own.place().to_string();
    feeds.one.publish(calls("b", 5..12));
    told(&mut all, 11).await;
    assert_eq!(own.place().to_string(), place);
    assert_eq!(reader(&feeds.one, only("a")).place().to_string(), place);
}
