//! Laws of `SetAsideRepo`: what a sink could not store can be looked at and taken away.

use std::sync::Arc;

use activity_domain::port::{Batch, KeptAside, SetAside};

use crate::{Harness, Stores, ask, make};

/// Sets bytes aside, as a batch of their own.
async fn set_aside(stores: &Stores, stream: u128, payloads: &[&'static [u8]]) {
    let unreadable: Vec<SetAside> = payloads.iter().map(|bytes| make::unreadable(bytes)).collect();
    let next = unreadable.len() as u64;
    let batch = Batch { unreadable, next, ..Batch::clone(&make::batch(make::stream(stream), 0, Vec::new())) };
    ask::store(stores, &Arc::new(batch)).await;
}

async fn list(stores: &Stores, after: u64, limit: usize) -> Vec<KeptAside> {
    stores.set_aside.list(after, limit).await.expect("a list")
}

/// Everything is there as it was, with rising numbers, and a page ends where the next one begins.
pub async fn what_is_set_aside_is_listed_in_order_and_in_pages(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    assert_eq!(list(&stores, 0, 10).await, []);
    let payloads: [&[u8]; 4] = [b"one", b"", b"\0\xff", b"one"];
    set_aside(&stores, 1, &payloads[..2]).await;
    set_aside(&stores, 2, &payloads[2..]).await;
    let all = list(&stores, 0, 10).await;
    let found: Vec<&[u8]> = all.iter().map(|kept| kept.payload.as_ref()).collect();
    assert_eq!(found, payloads);
    assert_eq!([all[1].stream, all[2].stream], [make::stream(1), make::stream(2)]);
    assert!(all.iter().all(|kept| kept.reason == make::unreadable(b"").reason));
    assert!(all[0].no > 0 && all.windows(2).all(|pair| pair[0].no < pair[1].no));

    let mut paged = Vec::new();
    while let Some(kept) = list(&stores, paged.last().map_or(0, |kept: &KeptAside| kept.no), 1).await.pop() {
        paged.push(kept);
    }
    assert_eq!(paged, all);
    assert_eq!(list(&stores, 0, 3).await, all[..3]);
    assert_eq!(list(&stores, 0, 0).await, []);
    assert_eq!(list(&stores, u64::MAX, 10).await, []);
}

/// One is taken away and its neighbours stay; a number is never given out again, so that nobody takes
/// away what came later.
pub async fn what_is_removed_is_gone_and_its_number_too(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    set_aside(&stores, 1, &[b"a", b"b", b"c"]).await;
    let all = list(&stores, 0, 10).await;
    assert_eq!(stores.set_aside.remove(all[2].no).await, Ok(true));
    assert_eq!(list(&stores, 0, 10).await, all[..2]);
    for absent in [all[2].no, 0, u64::MAX] {
        assert_eq!(stores.set_aside.remove(absent).await, Ok(false));
    }
    set_aside(&stores, 2, &[b"d"]).await;
    let now = list(&stores, 0, 10).await;
    assert_eq!(now[..2], all[..2]);
    assert!(now[2].no > all[2].no);
}
