//! Hints, and the end.

use std::time::Duration;

use activity_domain::live::{About, Hint, Scope};
use activity_domain::port::Hints;

use super::{FeedHarness, SOON, back, calls, only, reader, sees, settle, told};
use crate::make;

async fn hinted(hints: &mut Box<dyn Hints>) -> bool {
    tokio::time::timeout(SOON, hints.next()).await.expect("a hint comes in time")
}

/// Hints come to those who wait for them, here and elsewhere.
pub async fn hints_come_to_those_who_wait_for_them(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    for at in [&feeds.one, &feeds.other] {
        let [mut clients, mut late] = [About::Clients, About::Late].map(|about| at.hints(about));
        let [mut all, mut a, mut b] =
            [Scope::Everybody, only("a"), only("b")].map(|scope| at.hints(About::Usage(scope)));
        feeds.one.hint(&[Hint::Clients]);
        assert!(hinted(&mut clients).await);
        feeds.one.hint(&[Hint::Usage(make::client_id("a")), Hint::Usage(make::client_id("c"))]);
        assert!(hinted(&mut a).await && hinted(&mut all).await);
        feeds.one.hint(&[Hint::Late]);
        assert!(hinted(&mut late).await);
        // All others were told before.
        for unasked in [&mut b, &mut clients] {
            let waited = tokio::time::timeout(Duration::from_millis(1), unasked.next()).await;
            assert!(waited.is_err(), "nobody hinted at that");
        }
    }
}

/// Of many hints at once one comes, and none is lost that comes between two waits.
pub async fn many_hints_are_one(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let mut hints = feeds.one.hints(About::Clients);
    for _ in 0..10 {
        feeds.one.hint(&[Hint::Clients]);
    }
    assert!(hinted(&mut hints).await);
    assert!(tokio::time::timeout(Duration::from_millis(1), hints.next()).await.is_err());
    feeds.one.hint(&[Hint::Clients]);
    assert!(hinted(&mut hints).await);
}

/// Of a client that was erased nothing is shown any more, to nobody: it is missing.
pub async fn what_was_erased_is_not_shown(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    for (at, erased) in [(&feeds.one, "x"), (&feeds.other, "y")] {
        settle(&feeds).await;
        let mut slow = reader(at, Scope::Everybody);
        let start = slow.place();
        feeds.one.publish([calls(erased, 1..3), calls("b", 3..4)].concat());
        // By then all of it is there.
        sees(&mut slow, 1..2).await;
        let mut hints = at.hints(About::Clients);
        feeds.one.hint(&[Hint::Erased(make::client_id(erased))]);
        assert!(hinted(&mut hints).await);
        for (reader, gone) in [(&mut slow, 1), (&mut back(at, Scope::Everybody, &start), 2)] {
            let told = told(reader, gone + 1).await;
            assert_eq!((told.missed, told.numbers()), (gone, vec![3]));
        }
    }
}

/// A feed that is closed ends its readers, once they have what is there.
pub async fn a_closed_feed_ends_its_readers(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let (mut waits, mut has) = (reader(&feeds.one, only("a")), reader(&feeds.one, only("b")));
    let mut hints = feeds.one.hints(About::Clients);
    let waiting = tokio::spawn(async move { waits.next().await.is_none() });
    feeds.one.publish(calls("b", 1..2));
    feeds.one.close();
    let ended = tokio::time::timeout(SOON, waiting).await.expect("it ends in time");
    assert!(ended.expect("no panic"));
    sees(&mut has, 1..2).await;
    assert!(has.next().await.is_none());
    assert!(!hinted(&mut hints).await);
    assert!(reader(&feeds.one, only("a")).next().await.is_none());
}
