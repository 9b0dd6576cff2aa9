//! However much is put in, the cache keeps to its bounds.

use std::sync::Arc;

use activity_adapter_memory::{CacheOptions, ManualClock, MemoryUsageCache};
use activity_contract::make;
use activity_domain::cache::{CacheKey, CacheValue, CacheVersion, CachedDay, Lifetime, Question};
use activity_domain::port::{Filled, Lookup, UsageCache, Wait};
use activity_domain::rollup::Summary;
use activity_domain::time::Zone;
use activity_domain::usage::DailyRow;

use crate::stack::HOUR;

fn cache(options: CacheOptions) -> MemoryUsageCache {
    MemoryUsageCache::new(Arc::new(ManualClock::new(make::at("2026-03-12T12:34:56Z"))), options)
}

fn key(number: usize) -> CacheKey {
    let client = Some(make::client_id(&format!("CL-{number}")));
    let question = Question::Day { zone: Zone::utc(), date: make::date("2026-03-10"), client };
    CacheKey { version: CacheVersion::parse("v1").unwrap(), question }
}

/// A day of so many rows, each with a latency of its own.
fn day(rows: u64) -> CacheValue {
    let row = |number: u64| {
        let summary = Summary { requests: 1, timed: 1, micros: number, ..Summary::default() };
        DailyRow { date: make::date("2026-03-10"), client: make::client_id(&format!("CL-{number}")), summary }
    };
    CacheValue::Day(Arc::new(CachedDay::of((0..rows).map(row))))
}

async fn fill(cache: &MemoryUsageCache, number: usize, value: CacheValue) -> Filled {
    let Lookup::Missing(lease) = cache.get(&key(number), Wait::No).await.unwrap() else {
        panic!("it is there")
    };
    lease.fill(value, Lifetime::of(HOUR).unwrap()).await.unwrap()
}

#[tokio::test]
async fn bytes_are_bounded() {
    let cache = cache(CacheOptions { max_bytes: 1 << 20, ..CacheOptions::default() });
    for number in 0..500 {
        assert_eq!(fill(&cache, number, day(100)).await, Filled::Kept);
        let stats = cache.stats().await.unwrap();
        assert!(stats.bytes <= stats.max_bytes, "{stats:?}");
    }
    let stats = cache.stats().await.unwrap();
    assert!((20..200).contains(&stats.entries), "some are there and not all: {stats:?}");
}

#[tokio::test]
async fn values_are_bounded_in_number() {
    let cache = cache(CacheOptions { max_entries: 100, ..CacheOptions::default() });
    for number in 0..1_000 {
        assert_eq!(fill(&cache, number, day(1)).await, Filled::Kept);
        assert!(cache.stats().await.unwrap().entries <= 100);
    }
    assert!(cache.stats().await.unwrap().entries > 50);
}

#[tokio::test]
async fn one_value_does_not_drive_out_all_others() {
    let cache = cache(CacheOptions { max_bytes: 1 << 20, ..CacheOptions::default() });
    assert_eq!(fill(&cache, 0, day(1)).await, Filled::Kept);
    assert_eq!(fill(&cache, 1, day(10_000)).await, Filled::TooLarge);
    assert!(matches!(cache.get(&key(0), Wait::No).await.unwrap(), Lookup::Fresh(_)));
    // Its lease is given back all the same.
    assert!(matches!(cache.get(&key(1), Wait::No).await.unwrap(), Lookup::Missing(_)));
}
