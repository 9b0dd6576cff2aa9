//! Who is told that it missed how many.

use activity_domain::live::{Delivery, Scope};
use activity_domain::port::Subscription;

use super::{FeedHarness, Told, back, calls, next, only, reader, sees, settle, told};
use crate::make;

/// A reader that is too slow is told how many of its own events it missed, and goes on with the newest. Others lose
/// nothing by it.
pub async fn a_slow_reader_is_told_how_many_it_missed(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let mut slow = reader(&feeds.other, Scope::Everybody);
    let mut slow_own = reader(&feeds.other, only("a"));
    let mut quick = reader(&feeds.other, only("b"));
    let rounds = feeds.waiting;
    for round in 0..rounds {
        let first = round * 4;
        feeds.one.publish([calls("a", first..first + 3), calls("b", first + 3..first + 4)].concat());
        sees(&mut quick, std::iter::once(first + 3)).await;
    }
    // Whoever is quick was told, and so the others had been.
    let all = told(&mut slow, rounds * 4).await;
    assert_eq!(all.missed, rounds * 4 - feeds.waiting);
    assert_eq!(all.numbers(), (u128::from(all.missed)..u128::from(rounds * 4)).collect::<Vec<_>>());
    let own = told(&mut slow_own, rounds * 3).await;
    assert_eq!(own.missed, rounds * 3 - feeds.waiting, "others' events are no business of a client's reader");
    assert!(
        own.numbers().is_sorted() && own.events.iter().all(|event| event.activity.client.as_str() == "a")
    );
    feeds.one.publish(calls("a", 9_000..9_001));
    sees(&mut slow, std::iter::once(9_000)).await;
    sees(&mut slow_own, std::iter::once(9_000)).await;
}

/// What was accepted and not published is missed by those whose it is, wherever they read.
pub async fn what_is_skipped_is_missed(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    for at in [&feeds.one, &feeds.other] {
        settle(&feeds).await;
        let [mut all, mut a, mut b] = [Scope::Everybody, only("a"), only("b")].map(|scope| reader(at, scope));
        feeds.one.skip(&[(make::client_id("a"), 3), (make::client_id("c"), 2)]);
        feeds.one.publish([calls("a", 1..2), calls("b", 2..3)].concat());
        let [of_all, of_a] = [told(&mut all, 7).await, told(&mut a, 4).await];
        assert_eq!((of_all.missed, of_all.numbers()), (5, vec![1, 2]));
        assert_eq!((of_a.missed, of_a.numbers()), (3, vec![1]));
        sees(&mut b, std::iter::once(2)).await;
    }
}

/// Where count is lost, whoever publishes goes on, and its readers know that they may have missed something.
pub async fn lost_count_is_told(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let mut reader = reader(&feeds.one, only("a"));
    feeds.one.publish(calls("a", 1..2));
    sees(&mut reader, 1..2).await;
    let before = reader.place();
    feeds.one.lose_count();
    feeds.one.publish(calls("a", 2..3));
    for reader in [&mut reader, &mut back(&feeds.one, only("a"), &before)] {
        match next(reader).await {
            Delivery::Lagged(missed) => assert!(!missed.is_exact),
            Delivery::Event(event) => panic!("{event:?} came before what may be missing"),
        }
        let mut last = 0;
        while last < 2 {
            last = Told::default().event_of(reader).await;
        }
    }
}

impl Told {
    /// The number of the next event.
    async fn event_of(mut self, reader: &mut Box<dyn Subscription>) -> u128 {
        while self.events.is_empty() {
            self.one_more(reader).await;
        }
        self.numbers()[0]
    }
}
