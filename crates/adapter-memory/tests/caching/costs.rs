//! What questions cost the store.

use std::time::Duration;

use activity_contract::make;
use activity_domain::port::{Read, UsageRepo};
use activity_domain::span::Span;
use activity_domain::time::Zone;
use activity_domain::usage::{DailyQuery, TopQuery};

use crate::stack::{HOUR, Stack, memory_cache, policy, query};

/// A few calls on every day from the first of March on.
async fn filled() -> Stack {
    let stack = Stack::new();
    let times = (1..=12).map(|day| format!("2026-03-{day:02}T08:00:00Z"));
    stack.append(times.zip(1..).map(|(time, id)| make::call("CL-1", id, &time)).collect()).await;
    stack
}

#[tokio::test]
async fn closed_days_cost_one_call_the_first_time_and_none_after() {
    let stack = filled().await;
    let closed = query("2026-03-06", "2026-03-11");
    for calls in [1, 1, 1] {
        assert_eq!(stack.daily(&closed).await.rows.len(), 6);
        assert_eq!(stack.calls(), calls);
    }
    // A part of it, another page of it, and the same days with another limit.
    stack.daily(&query("2026-03-07", "2026-03-09")).await;
    let first = stack.daily(&DailyQuery { limit: 2, ..closed.clone() }).await;
    stack.daily(&DailyQuery { limit: 2, after: first.next, ..closed }).await;
    assert_eq!(stack.calls(), 1);
}

#[tokio::test]
async fn the_open_day_comes_from_the_store_and_is_always_fresh() {
    let stack = filled().await;
    let week = query("2026-03-06", "2026-03-12");
    assert_eq!(stack.daily(&week).await.rows.len(), 7);
    assert_eq!(stack.calls(), 2);
    for id in 100..103 {
        stack.append(vec![make::call("CL-1", id, "2026-03-12T12:00:00Z")]).await;
        let before = stack.calls();
        assert_eq!(stack.daily(&week).await.rows[0].summary.requests, u64::try_from(id).unwrap() - 98);
        assert_eq!(stack.calls() - before, 1);
    }
}

#[tokio::test]
async fn a_day_is_closed_a_minute_after_its_end_in_its_zone() {
    let stack = filled().await;
    let zone = Zone::parse("Asia/Kathmandu").unwrap();
    let eleventh = DailyQuery { zone, ..query("2026-03-11", "2026-03-11") };
    for (now, calls) in [
        ("2026-03-11T18:15:30Z", [1, 1]), // its end was half a minute ago
        ("2026-03-11T18:15:59Z", [1, 1]),
        ("2026-03-11T18:16:00Z", [1, 0]),
    ] {
        stack.clock.set(make::at(now));
        for calls in calls {
            let before = stack.calls();
            stack.daily(&eleventh).await;
            assert_eq!(stack.calls() - before, calls, "{now}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_cost_one_call() {
    let stack = std::sync::Arc::new(filled().await);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let stack = stack.clone();
        callers.spawn(async move {
            stack.usage.daily(&query("2026-03-02", "2026-03-11"), Read::Eventual).await.unwrap().rows.len()
        });
    }
    assert!(callers.join_all().await.iter().all(|rows| *rows == 10));
    assert_eq!(stack.calls(), 1);
}

#[tokio::test]
async fn the_latest_passes_the_cache_by() {
    let stack = filled().await;
    for calls in 1..4 {
        stack.usage.daily(&query("2026-03-06", "2026-03-11"), Read::Latest).await.unwrap();
        assert_eq!(stack.calls(), calls);
    }
    assert_eq!(stack.cache.stats().await.unwrap().misses, 0);
}

#[tokio::test]
async fn the_top_of_a_closed_span_is_kept_and_of_an_open_one_is_not() {
    let stack = filled().await;
    let top = async |from, to, calls| {
        let span = Span { from: make::at(from).minute(), to: make::at(to).minute() };
        let before = stack.calls();
        let rows = stack.usage.top(&TopQuery { span, limit: 3 }, Read::Eventual).await.unwrap();
        assert_eq!((rows.len(), stack.calls() - before), (1, calls));
    };
    top("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 1).await;
    top("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 0).await;
    for _ in 0..2 {
        top("2026-03-11T12:35:00Z", "2026-03-12T12:35:00Z", 1).await;
    }
}

#[tokio::test]
async fn no_time_to_live_is_no_cache() {
    let stack = Stack::with(policy(Duration::ZERO, HOUR), memory_cache);
    for calls in 1..3 {
        stack.daily(&query("2026-03-06", "2026-03-11")).await;
        assert_eq!(stack.calls(), calls);
    }
    assert_eq!(stack.cache.stats().await.unwrap().misses, 0);
}

#[tokio::test]
async fn a_value_past_its_time_is_served_and_computed_anew_once() {
    let stack = filled().await;
    let days = query("2026-03-11", "2026-03-11");
    stack.daily(&days).await;
    stack.clock.advance(3_601);
    for _ in 0..3 {
        stack.daily(&days).await;
    }
    assert_eq!(stack.calls(), 1);
    assert_eq!(stack.later.run_all().await, 1);
    assert_eq!(stack.calls(), 2);
    stack.clock.advance(3_599);
    stack.daily(&days).await;
    assert_eq!((stack.calls(), stack.later.run_all().await), (2, 0));
    // Long past it, it is as if it had never been there.
    stack.clock.advance(7_200);
    stack.daily(&days).await;
    assert_eq!(stack.calls(), 3);
}

#[tokio::test]
async fn a_long_range_costs_a_few_calls() {
    let stack = filled().await;
    let years = query("2017-01-01", "2026-03-12");
    assert_eq!(stack.daily(&years).await.rows.len(), 12);
    // The open day, 92 days in runs of ten, the years before.
    assert_eq!(stack.calls(), 1 + 10 + 1);
    stack.daily(&years).await;
    assert_eq!(stack.calls(), 12 + 2);
}

/// Where a page is full just where the days of the cache end, it says that there is more.
#[tokio::test]
async fn a_page_that_is_full_at_a_seam_goes_on() {
    let stack = Stack::new();
    let times = ["2025-01-01T08:00:00Z", "2026-03-11T08:00:00Z", "2026-03-12T08:00:00Z"];
    stack.append(times.into_iter().zip(1..).map(|(time, id)| make::call("CL-1", id, time)).collect()).await;
    let mut query = DailyQuery { limit: 1, ..query("2024-12-01", "2026-03-12") };
    for _ in 1..times.len() {
        query.after = stack.daily(&query).await.next;
        assert!(query.after.is_some());
    }
    assert_eq!(stack.daily(&query).await.next, None);
}
