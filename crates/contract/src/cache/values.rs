//! What goes in comes out, for its time and under its key.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::cache::{CacheKey, CacheValue, CacheVersion, CachedDay};
use activity_domain::client::ClientName;
use activity_domain::port::{Filled, Lookup};
use activity_domain::rollup::{Summary, Tally};
use activity_domain::usage::{DailyRow, TopRow};

use super::{CacheHarness, LIFE, day, name, top, utc, value};
use crate::make;

/// The largest and the smallest counts, and percentiles from end to end.
fn summaries() -> [Summary; 3] {
    let mut wide = Tally { requests: 3, errors: 1, timed: 3, micros: 9, ..Tally::default() };
    for micros in [0, 1, 86_400_000_000] {
        wide.sketch.add(micros);
    }
    let extreme = Summary {
        requests: u64::MAX,
        errors: u64::MAX,
        timed: u64::MAX,
        micros: u64::MAX,
        last_seen: Some(make::at(make::LATEST)),
        quantiles: None,
    };
    [Summary::from(&wide), extreme, Summary::default()]
}

/// Every kind of value comes out as it went in: extremes, any name, nothing at all, too much.
pub async fn a_value_comes_out_as_it_went_in(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let clients = ["A-_.", "CL-1", "z"].map(make::client_id);
    let rows = clients.clone().into_iter().zip(summaries());
    let date = make::date("2026-03-10");
    let whole = CachedDay::of(rows.clone().map(|(client, summary)| DailyRow { date, client, summary }));
    let names =
        ["Ada & 'Söhne' \u{1f980}", "\u{202e}x", "n"].map(|name| ClientName::parse(name).expect("a name"));
    let ranked = rows.zip(names).map(|((client, summary), name)| TopRow { client, name, summary });
    let values = [
        (utc(), CacheValue::Day(Arc::new(whole))),
        (day("UTC", "2026-03-11", None), CacheValue::Day(Arc::new(CachedDay::of([])))),
        (day("UTC", "2026-03-12", None), CacheValue::Day(Arc::new(CachedDay::TooLong))),
        (top("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 3), CacheValue::Top(ranked.collect())),
        (top("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 4), CacheValue::Top(Arc::new([]))),
    ];
    for (key, value) in &values {
        under.put(key, value.clone()).await;
    }
    for (key, value) in &values {
        under.expect_fresh(key, value).await;
    }
}

/// Keys that differ in any part have values of their own.
pub async fn keys_do_not_share_a_value(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let other_version = CacheKey { version: CacheVersion::parse("v2").expect("a version"), ..utc() };
    let keys = [
        utc(),
        other_version,
        day("UTC", "2026-03-11", None),
        day("Africa/Abidjan", "2026-03-10", None),
        day("UTC", "2026-03-10", Some("CL-1")),
        day("UTC", "2026-03-10", Some("cl-1")),
        top("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 1),
        top("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 10),
        top("2026-03-10T00:00:00Z", "2026-03-11T00:15:00Z", 1),
    ];
    for (number, key) in (1..).zip(&keys) {
        under.put(key, value(number)).await;
    }
    for (number, key) in (1..).zip(&keys) {
        under.expect_fresh(key, &value(number)).await;
    }
}

/// A value is fresh for its time, then stale for its time, then gone; and each new one starts anew.
pub async fn a_value_is_fresh_then_stale_then_gone(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let second = Duration::from_secs(1);
    for round in 1..3 {
        under.put(&utc(), value(round)).await;
        under.clock.advance(LIFE.fresh.saturating_sub(second)).await;
        under.expect_fresh(&utc(), &value(round)).await;
        for wait in [second, LIFE.stale.saturating_sub(second)] {
            under.clock.advance(wait).await;
            let found = under.get(&utc()).await;
            assert!(matches!(&found, Lookup::Stale(old) if *old == value(round)), "{}", name(&found));
        }
        under.clock.advance(second).await;
        under.expect_missing(&utc()).await;
    }
}

/// Where the clock is put back, a value does not live longer for it: it is missing, or gone in its time.
pub async fn a_clock_put_back_prolongs_nothing(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    under.put(&utc(), value(1)).await;
    under.clock.put_back(Duration::from_hours(1_000)).await;
    let whole = LIFE.fresh + LIFE.stale;
    under.clock.advance(whole).await;
    under.expect_missing(&utc()).await;
    under.put(&utc(), value(2)).await;
    under.expect_fresh(&utc(), &value(2)).await;
}

/// A stale value is renewed by one caller, and served until the new one is there.
pub async fn a_stale_value_is_served_while_one_renews_it(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    under.put(&utc(), value(1)).await;
    under.clock.advance(LIFE.fresh).await;
    let renew = async || under.cache.renew(&utc(), Duration::ZERO).await.expect("an answer");
    let lease = renew().await.expect("the lease of a stale value");
    assert!(renew().await.is_none(), "two leases of one key");
    let found = under.get(&utc()).await;
    assert!(matches!(&found, Lookup::Stale(old) if *old == value(1)), "{}", name(&found));
    assert_eq!(lease.fill(value(2), LIFE).await, Ok(Filled::Kept));
    under.expect_fresh(&utc(), &value(2)).await;
    assert!(renew().await.is_none(), "a fresh value needs no renewal");
}

/// A fresh value may be renewed before its time, by one caller; a missing one too.
pub async fn a_value_is_renewed_ahead_of_its_time(harness: &dyn CacheHarness) {
    let under = harness.fresh().await;
    let renew = async |within| under.cache.renew(&utc(), within).await.expect("an answer");
    let lease = renew(Duration::ZERO).await.expect("the lease of a missing value");
    assert_eq!(lease.fill(value(1), LIFE).await, Ok(Filled::Kept));
    under.clock.advance(LIFE.fresh / 2).await;
    assert!(renew(LIFE.fresh / 4).await.is_none(), "it stays fresh for longer");
    let lease = renew(LIFE.fresh / 2).await.expect("it will not be fresh then");
    under.expect_fresh(&utc(), &value(1)).await;
    assert_eq!(lease.fill(value(2), LIFE).await, Ok(Filled::Kept));
    under.clock.advance(LIFE.fresh / 2).await;
    under.expect_fresh(&utc(), &value(2)).await;
}
