//! Laws of a store with a cache in front of it: whatever happens, its answers are those of the store.

#![expect(clippy::unused_async, reason = "laws are called alike; these wait inside the property")]

use std::sync::{Arc, Mutex};

use activity_domain::error::StoreError;
use activity_domain::port::{Read, UsageCache, UsageRepo};
use activity_domain::span::Span;
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{
    DailyPage, DailyQuery, Days, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery,
    TopQuery, TopRow,
};
use async_trait::async_trait;
use jiff::ToSpan;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::history::{CLIENTS, World, moment, steps};
use crate::property::check;
use crate::{Harness, Stores, ask, make};

/// A store with a cache in front of it, and the parts that it is made of. Its clock stands in the year
/// 2026, after [`ask::now`], or later.
pub struct CachedStores {
    /// The whole, as production has it.
    pub stores: Stores,
    /// The store alone.
    pub uncached: Arc<dyn UsageRepo>,
    /// The cache.
    pub cache: Arc<dyn UsageCache>,
}

/// Gives laws their stores with caches.
#[async_trait]
pub trait CachedHarness: Send + Sync {
    /// One with nothing in it.
    async fn fresh(&self) -> CachedStores;
}

#[async_trait]
impl<F, Made> CachedHarness for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = CachedStores> + Send + 'static,
{
    async fn fresh(&self) -> CachedStores {
        self().await
    }
}

/// The laws of stores ask for the latest, which passes the cache by: this has them ask what callers ask.
pub struct AsCallersAsk(pub Arc<dyn UsageRepo>);

#[async_trait]
impl UsageRepo for AsCallersAsk {
    async fn daily(&self, query: &DailyQuery, _: Read) -> Result<DailyPage, StoreError> {
        self.0.daily(query, Read::Eventual).await
    }

    async fn top(&self, query: &TopQuery, _: Read) -> Result<Vec<TopRow>, StoreError> {
        self.0.top(query, Read::Eventual).await
    }

    async fn series(&self, query: &SeriesQuery, _: Read) -> Result<Vec<Series>, StoreError> {
        self.0.series(query, Read::Eventual).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, _: Read) -> Result<Vec<EndpointRow>, StoreError> {
        self.0.endpoints(query, Read::Eventual).await
    }

    async fn activities(&self, query: &LogQuery, _: Read) -> Result<LogPage, StoreError> {
        self.0.activities(query, Read::Eventual).await
    }
}

/// Gives a store for the world to play on, once.
struct Once(Mutex<Option<Stores>>);

#[async_trait]
impl Harness for Once {
    async fn fresh(&self) -> Stores {
        self.0.lock().expect("a lock").take().expect("one world")
    }
}

/// A history's world on a store with a cache, and the parts.
struct Beside {
    world: World,
    uncached: Arc<dyn UsageRepo>,
    cache: Arc<dyn UsageCache>,
}

impl Beside {
    async fn fresh(harness: &dyn CachedHarness) -> Self {
        let CachedStores { stores, uncached, cache } = harness.fresh().await;
        let world = World::fresh(&Once(Mutex::new(Some(stores)))).await;
        Self { world, uncached, cache }
    }

    /// Asks twice: what the first has put in is what the second gets.
    async fn check(&self, ask: &Ask) -> Result<(), TestCaseError> {
        for _ in 0..2 {
            match ask {
                Ask::Daily { .. } => {
                    let mut query = ask.daily();
                    loop {
                        let found =
                            self.world.stores.usage.daily(&query, Read::Eventual).await.expect("daily");
                        let truth = self.uncached.daily(&query, Read::Latest).await.expect("daily");
                        prop_assert_eq!(&found, &truth, "{:?}", query);
                        let Some(next) = found.next else { break };
                        query.after = Some(next);
                    }
                }
                Ask::Top { from, to, limit } => {
                    let span = Span::around(*from.min(to), *from.max(to), self.world.now);
                    let query = TopQuery { span, limit: *limit };
                    let found = self.world.stores.usage.top(&query, Read::Eventual).await.expect("top");
                    let truth = self.uncached.top(&query, Read::Latest).await.expect("top");
                    prop_assert_eq!(found, truth, "{:?}", query);
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Ask {
    Daily {
        zone: &'static str,
        around: Timestamp,
        before: i64,
        after: i64,
        client: Option<&'static str>,
        limit: usize,
    },
    Top {
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    },
}

const ZONES: [&str; 5] = ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let client = prop_oneof![2 => Just(None), 1 => select(CLIENTS.to_vec()).prop_map(Some)];
    // Longer than the days that are looked up one by one, too.
    let before = prop_oneof![4 => 0..12i64, 1 => 0..200i64];
    let limit = prop_oneof![3 => 1..6usize, 2 => Just(1_000)];
    let daily = (select(ZONES.to_vec()), moment(), before, 0..4i64, client, limit).prop_map(
        |(zone, around, before, after, client, limit)| Ask::Daily {
            zone,
            around,
            before,
            after,
            client,
            limit,
        },
    );
    let top = (moment(), moment(), 1..6usize).prop_map(|(from, to, limit)| Ask::Top { from, to, limit });
    prop::collection::vec(prop_oneof![3 => daily, 1 => top], 1..4)
}

impl Ask {
    fn daily(&self) -> DailyQuery {
        let Self::Daily { zone, around, before, after, client, limit } = self else { panic!("not daily") };
        let zone = Zone::parse(zone).expect("a zone");
        let middle = zone.date_of(*around);
        let (from, to) = (middle.saturating_sub(before.days()), middle.saturating_add(after.days()));
        let days = Days::between(from, to).expect("days in order");
        DailyQuery { days, zone, client: client.map(make::client_id), limit: *limit, after: None }
    }
}

/// After any history, with events that come late and twice, every answer is the store's to the last bit,
/// however often it was asked for before.
pub async fn cached_answers_are_those_of_the_store(harness: &dyn CachedHarness) {
    check(&(steps(), asks()), async |(steps, asks)| {
        let mut beside = Beside::fresh(harness).await;
        for step in &steps {
            beside.world.play(step).await?;
            for ask in &asks {
                beside.check(ask).await?;
            }
        }
        Ok(())
    });
}

/// A closed day is answered from the cache until an event arrives for it, and with that event at once.
pub async fn a_late_event_shows_at_once(harness: &dyn CachedHarness) {
    let beside = Beside::fresh(harness).await;
    let stores = &beside.world.stores;
    let zone = Zone::parse("America/New_York").expect("a zone");
    let days = make::days("2026-03-05", "2026-03-08");
    let query = DailyQuery { days, zone, client: None, limit: 10, after: None };
    let hits = async || beside.cache.stats().await.expect("stats").hits;
    for number in 1..4u64 {
        let row = make::call("CL-1", number.into(), "2026-03-08T05:00:00Z");
        ask::store(stores, &make::batch(make::stream(1), number - 1, vec![row])).await;
        for _ in 0..2 {
            let page = stores.usage.daily(&query, Read::Eventual).await.expect("daily");
            assert_eq!(page.rows.iter().map(|row| row.summary.requests).collect::<Vec<_>>(), [number]);
        }
        let before = hits().await;
        stores.usage.daily(&query, Read::Eventual).await.expect("daily");
        assert_eq!(hits().await - before, 4, "four days from the cache");
    }
}

/// A day of more clients than fit into a page comes whole, page by page.
pub async fn a_day_of_many_clients_comes_whole(harness: &dyn CachedHarness) {
    let beside = Beside::fresh(harness).await;
    let row = |n: u32| make::call(&format!("CL-{}", n % 2_500), n.into(), "2026-03-10T10:00:00Z");
    let batch = make::batch(make::stream(1), 0, (0..3_000).map(row).collect());
    ask::store(&beside.world.stores, &batch).await;
    let days = make::days("2026-03-08", "2026-03-11");
    for _ in 0..2 {
        let mut query = DailyQuery { days, zone: Zone::utc(), client: None, limit: 1_000, after: None };
        let mut rows = 0;
        loop {
            let page = beside.world.stores.usage.daily(&query, Read::Eventual).await.expect("daily");
            assert_eq!(page, beside.uncached.daily(&query, Read::Latest).await.expect("daily"));
            rows += page.rows.len();
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        assert_eq!(rows, 2_500);
    }
}
