//! Laws of `TicketRepo`: a ticket is good for one use.

use activity_domain::id::TicketId;
use activity_domain::port::TICKETS_KEPT_SECONDS;
use activity_domain::time::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Harness, Stores, make};

fn until() -> Timestamp {
    make::at("2026-03-10T12:00:30.000001Z")
}

async fn redeem(stores: &Stores, id: u128) -> bool {
    stores.tickets.redeem(TicketId(Uuid::from_u128(id)), until()).await.expect("a use")
}

async fn purge(stores: &Stores, now: Timestamp) {
    while stores.upkeep.purge(now).await.expect("purge").more {}
}

/// The first use is the only one, and one ticket's use is none of another.
pub async fn a_ticket_is_used_once(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for id in [1, u128::MAX, 1 << 127] {
        assert!(redeem(&stores, id).await, "{id}");
    }
    for id in [1, u128::MAX, 1 << 127] {
        assert!(!redeem(&stores, id).await, "{id}");
    }
    // Another end changes nothing.
    let again = stores.tickets.redeem(TicketId(Uuid::from_u128(1)), until().plus_seconds(60)).await;
    assert_eq!(again, Ok(false));
}

/// However many use it at once, one of them does.
pub async fn of_concurrent_uses_of_a_ticket_one_wins(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for id in 0..8 {
        let mut uses = JoinSet::new();
        for _ in 0..8 {
            let tickets = stores.tickets.clone();
            uses.spawn(async move { tickets.redeem(TicketId(Uuid::from_u128(id)), until()).await });
        }
        let won = uses.join_all().await.into_iter().filter(|used| *used == Ok(true)).count();
        assert_eq!(won, 1);
    }
}

/// A clock that is ahead makes no ticket good again, and those who are over do not pile up.
pub async fn used_tickets_are_forgotten_long_after_their_time(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    assert!(redeem(&stores, 1).await);
    purge(&stores, until().plus_seconds(TICKETS_KEPT_SECONDS)).await;
    assert!(!redeem(&stores, 1).await, "it is remembered");
    purge(&stores, until().plus_seconds(TICKETS_KEPT_SECONDS + 1)).await;
    assert!(redeem(&stores, 1).await, "it is forgotten");
}
