//! What is computed before it is asked for.

use activity_contract::make;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::service::Prewarm;
use activity_domain::time::Zone;
use activity_domain::usage::DailyQuery;

use crate::stack::{Stack, query};

fn zoned(name: &str, from: &str, to: &str) -> DailyQuery {
    DailyQuery { zone: Zone::parse(name).unwrap(), ..query(from, to) }
}

#[tokio::test]
async fn the_first_run_warms_what_a_dashboard_asks_for() {
    let stack = Stack::new();
    let prewarm = Prewarm::new(stack.usage.clone());
    assert_eq!(prewarm.last(), None);
    let run = prewarm.run().await.unwrap();
    assert_eq!((run.warmed, run.skipped, run.failed), (7, 0, 0));
    assert_eq!(prewarm.last(), Some(run));
    let calls = stack.calls();
    stack.daily(&query("2026-03-05", "2026-03-11")).await;
    assert_eq!(stack.calls(), calls);
    // All is there: there is nothing to be done.
    let again = prewarm.run().await.unwrap();
    assert_eq!((again.warmed, again.skipped), (0, 7));
    assert_eq!(stack.calls(), calls);
}

#[tokio::test]
async fn what_was_missed_or_is_about_to_expire_is_computed_again() {
    let stack = Stack::new();
    let prewarm = Prewarm::new(stack.usage.clone());
    let days = zoned("Asia/Kathmandu", "2026-03-09", "2026-03-10");
    stack.daily(&days).await;
    prewarm.run().await.unwrap();
    // An event takes one of its days out; the other stays, and is fresh for a while.
    stack.append(vec![make::call("CL-1", 1, "2026-03-10T01:00:00Z")]).await;
    stack.clock.advance(1_800);
    let run = prewarm.run().await.unwrap();
    assert_eq!((run.warmed, run.skipped), (2, 7), "the day in both zones");
    let calls = stack.calls();
    assert_eq!(stack.daily(&days).await.rows.len(), 1);
    assert_eq!(stack.calls(), calls);
    // Nearly an hour old, the rest is renewed too.
    stack.clock.advance(1_200);
    let run = prewarm.run().await.unwrap();
    assert_eq!((run.warmed, run.skipped), (7, 2));
}

#[tokio::test]
async fn what_nobody_asked_for_in_a_day_is_left_alone() {
    let stack = Stack::new();
    let prewarm = Prewarm::new(stack.usage.clone());
    stack.daily(&zoned("Asia/Kathmandu", "2026-03-09", "2026-03-10")).await;
    stack.clock.advance(90_000);
    assert_eq!(prewarm.run().await.unwrap().warmed, 7);
}

#[tokio::test]
async fn one_run_at_a_time_and_a_run_that_is_given_up_ends() {
    let stack = Stack::new();
    let prewarm = Prewarm::new(stack.usage.clone());
    let first = prewarm.run();
    // It gets the first turn, and waits for the store when the second one comes.
    let both = async {
        tokio::select! {
            biased;
            _ = first => panic!("it has work to do"),
            second = prewarm.run() => second,
        }
    };
    assert_eq!(both.await, None);
    assert_eq!(prewarm.run().await.unwrap().warmed, 7);
}

#[tokio::test]
async fn what_the_store_does_not_give_is_counted() {
    let stack = Stack::new();
    stack.store.cut_off();
    let run = Prewarm::new(stack.usage.clone()).run().await.unwrap();
    assert_eq!((run.warmed, run.failed), (0, 7));
    stack.store.heal();
    assert!(stack.usage.daily(&query("2026-03-05", "2026-03-11"), Read::Eventual).await.is_ok());
}
