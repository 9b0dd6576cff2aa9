//! The cache, as callers meet it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use activity_adapter_memory::{CacheOptions, ManualClock, MemoryUsageCache};
use activity_domain::cache::{CacheVersion, Lifetime};
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Background, Read, Task, UsageCache, UsageRepo};
use activity_domain::service::{CachePolicy, CachedUsage, ForgettingSink};
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::app::{App, Options, event, expect};
use crate::store::Store;

/// A store with a cache in front of it, as the server wires them.
pub struct Caching {
    pub usage: Arc<CachedUsage>,
    pub sink: Arc<dyn ActivitySink>,
    pub cache: Arc<dyn UsageCache>,
    pub store: Arc<Counting>,
}

impl Caching {
    pub fn over(store: &Arc<Store>, clock: &Arc<ManualClock>, ttl: u64) -> Self {
        let store_calls = AtomicU64::new(0);
        let counting =
            Arc::new(Counting { store: store.clone(), calls: store_calls, gate: Semaphore::new(1_000) });
        let cache: Arc<dyn UsageCache> =
            Arc::new(MemoryUsageCache::new(clock.clone(), CacheOptions::default()));
        let lifetime = Lifetime::of(Duration::from_secs(ttl));
        let version = CacheVersion::parse("v1").unwrap();
        let policy = CachePolicy { version, daily: lifetime, top: lifetime, day_rows: 20_000 };
        let usage =
            CachedUsage::new(counting.clone(), cache.clone(), clock.clone(), Arc::new(Spawned), policy);
        let sink = Arc::new(ForgettingSink::new(store.clone(), cache.clone()));
        Self { usage: Arc::new(usage), sink, cache, store: counting }
    }
}

struct Spawned;

impl Background for Spawned {
    fn run(&self, task: Task) {
        tokio::spawn(task);
    }
}

/// Counts the questions that reach the store, which can be made to wait.
pub struct Counting {
    store: Arc<Store>,
    calls: AtomicU64,
    gate: Semaphore,
}

impl Counting {
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    async fn pass(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.acquire().await.unwrap());
    }
}

#[async_trait]
impl UsageRepo for Counting {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        self.pass().await;
        self.store.daily(query, read).await
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        self.pass().await;
        self.store.top(query, read).await
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        self.store.series(query, read).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        self.store.endpoints(query, read).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        self.store.activities(query, read).await
    }
}

async fn record(app: &App, key: &str, time: &str) {
    let mut event = event();
    event["timestamp"] = json!(time);
    expect(app.post("/api/logs", key, &event).send().await.unwrap(), StatusCode::ACCEPTED).await;
}

async fn get(app: &App, path: &str) -> Value {
    expect(app.get(path, &app.admin_key).send().await.unwrap(), StatusCode::OK).await
}

/// The counts of an answer, and how many questions it cost the store.
async fn counts(app: &App, path: &str) -> (Vec<u64>, u64) {
    let before = app.caching.store.calls();
    let answer = get(app, path).await;
    let rows = answer["data"].as_array().unwrap().iter().map(|row| row["requestCount"].as_u64().unwrap());
    (rows.collect(), app.caching.store.calls() - before)
}

/// The day so many days ago. The day before today may have ended just now, and is not closed then.
fn day(app: &App, ago: i64) -> String {
    app.now().plus_seconds(-86_400 * ago).to_string()[..10].to_owned()
}

#[tokio::test]
async fn closed_days_come_from_the_cache_and_a_late_event_shows_at_once() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let noon = |ago| format!("{}T12:00:00Z", day(&app, ago));
    for ago in [2, 3, 4] {
        record(&app, &ada.key, &noon(ago)).await;
    }
    let closed = format!("/api/usage/daily?from={}&to={}", day(&app, 5), day(&app, 2));
    assert_eq!(counts(&app, &closed).await, (vec![1, 1, 1], 1));
    assert_eq!(counts(&app, &closed).await, (vec![1, 1, 1], 0));
    record(&app, &ada.key, &noon(3)).await;
    assert_eq!(counts(&app, &closed).await, (vec![1, 2, 1], 1));
    assert_eq!(counts(&app, &closed).await, (vec![1, 2, 1], 0));
    let top = format!("/api/usage/top?from={}&to={}", noon(5), noon(2));
    assert_eq!(counts(&app, &top).await, (vec![3], 1));
    assert_eq!(counts(&app, &top).await, (vec![3], 0));
    record(&app, &ada.key, &noon(4)).await;
    assert_eq!(counts(&app, &top).await, (vec![4], 1));
}

#[tokio::test]
async fn the_open_day_is_always_fresh() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for number in 1..4 {
        record(&app, &ada.key, &app.now().to_string()).await;
        let (rows, _) = counts(&app, "/api/usage/daily").await;
        assert_eq!(rows.iter().sum::<u64>(), number);
        let (rows, _) = counts(&app, "/api/usage/top").await;
        assert_eq!(rows, [number]);
    }
}

#[tokio::test]
async fn names_and_erased_clients_are_not_remembered() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    record(&app, &ada.key, &format!("{}T12:00:00Z", day(&app, 3))).await;
    let top = format!("/api/usage/top?from={0}T00:00:00Z&to={0}T23:00:00Z", day(&app, 3));
    let daily = format!("/api/usage/daily?from={0}&to={0}", day(&app, 3));
    let path = format!("/api/clients/{}", ada.id);
    for _ in 0..2 {
        assert_eq!(get(&app, &top).await["data"][0]["name"], "ada");
        assert_eq!(get(&app, &daily).await["data"][0]["clientId"], ada.id);
    }
    let renamed =
        app.request("PATCH", &path).header("x-api-key", &app.admin_key).json(&json!({ "name": "Countess" }));
    expect(renamed.send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(get(&app, &top).await["data"][0]["name"], "Countess");
    let erased = app.request("DELETE", &path).header("x-api-key", &app.admin_key).send().await.unwrap();
    assert_eq!(erased.status(), StatusCode::NO_CONTENT);
    for (path, field) in [(&top, "name"), (&top, "clientId"), (&daily, "clientId")] {
        let shown = get(&app, path).await["data"][0][field].as_str().unwrap().to_owned();
        assert!(shown.starts_with("anon-"), "{shown}");
    }
}

/// Nobody sees another's days from the cache.
#[tokio::test]
async fn callers_do_not_share_each_others_days() {
    let app = App::start();
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let noon = format!("{}T12:00:00Z", day(&app, 1));
    record(&app, &ada.key, &noon).await;
    record(&app, &bob.key, &noon).await;
    let path = format!("/api/usage/daily?from={}&to={}", day(&app, 3), day(&app, 1));
    for _ in 0..2 {
        assert_eq!(counts(&app, &path).await.0, [1, 1]);
        for client in [&ada, &bob] {
            let own = expect(app.get(&path, &client.key).send().await.unwrap(), StatusCode::OK).await;
            assert_eq!(own["data"].as_array().unwrap().len(), 1);
            assert_eq!(own["data"][0]["clientId"], client.id);
        }
    }
}

#[tokio::test]
async fn fifty_alike_at_once_cost_one_question() {
    let app = Arc::new(App::start());
    let ada = app.register("ada", None).await;
    record(&app, &ada.key, &format!("{}T12:00:00Z", day(&app, 2))).await;
    let path = format!("/api/usage/daily?from={}&to={}", day(&app, 6), day(&app, 2));
    // The store takes its time.
    let gate = app.caching.store.gate.acquire_many(1_000).await.unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let request = app.get(&path, &app.admin_key);
        callers.spawn(async move { request.send().await.unwrap().json::<Value>().await.unwrap() });
    }
    while app.caching.store.calls() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gate);
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| answer["data"] == answers[0]["data"]));
    assert_eq!(answers[0]["data"][0]["requestCount"], 1);
    assert_eq!(app.caching.store.calls(), 1);
}

#[tokio::test]
async fn without_a_time_to_live_every_question_reaches_the_store() {
    let app = App::with(&Options { cache_ttl: 0, ..Options::default() });
    let path = format!("/api/usage/daily?from={}&to={}", day(&app, 6), day(&app, 1));
    for _ in 0..2 {
        assert_eq!(counts(&app, &path).await, (vec![], 1));
    }
}

#[tokio::test]
async fn stats_say_what_is_hit_and_what_is_hot() {
    let app = App::start();
    let empty = get(&app, "/api/cache/stats").await;
    assert_eq!(
        (&empty["hits"], &empty["misses"], &empty["hitRate"], &empty["entries"], &empty["hottestKeys"]),
        (&json!(0), &json!(0), &json!(0.0), &json!(0), &json!([]))
    );
    assert!(empty.get("lastPrewarm").is_none());
    let closed = day(&app, 2);
    let path = format!("/api/usage/daily?from={closed}&to={closed}");
    for _ in 0..4 {
        get(&app, &path).await;
    }
    app.clock.advance(3_700);
    get(&app, &path).await;
    let stats = get(&app, "/api/cache/stats").await;
    let number = |field: &str| stats[field].as_u64().unwrap();
    assert_eq!((number("hits"), number("misses"), number("stale"), number("entries")), (4, 1, 1, 1));
    assert_eq!(stats["hitRate"], 0.8);
    assert!(number("bytes") > 0 && number("bytes") < number("maxBytes"));
    let hot = &stats["hottestKeys"][0];
    assert_eq!(hot["key"], format!("v1:daily:UTC:{closed}:*"));
    assert_eq!((&hot["hits"], &hot["misses"]), (&json!(4), &json!(1)));
    assert_eq!(hot["lastAsked"], app.now().to_string());
    assert!(hot["costMs"].is_number());
}

#[tokio::test]
async fn a_warmed_cache_answers_the_dashboard() {
    let app = App::start();
    let answer = app.post("/api/cache/prewarm", &app.admin_key, &json!({})).send().await.unwrap();
    let run = expect(answer, StatusCode::OK).await;
    assert_eq!((&run["warmed"], &run["skipped"], &run["failed"]), (&json!(7), &json!(0), &json!(0)));
    assert!(run["tookMs"].is_u64());
    // Today is asked of the store.
    assert_eq!(counts(&app, "/api/usage/daily").await, (vec![], 1));
    assert_eq!(get(&app, "/api/cache/stats").await["lastPrewarm"], run);
}

#[tokio::test]
async fn one_warms_at_a_time() {
    let app = App::start();
    let gate = app.caching.store.gate.acquire_many(1_000).await.unwrap();
    let first = tokio::spawn(app.post("/api/cache/prewarm", &app.admin_key, &json!({})).send());
    while app.caching.store.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let second = app.post("/api/cache/prewarm", &app.admin_key, &json!({})).send().await.unwrap();
    expect(second, StatusCode::CONFLICT).await;
    drop(gate);
    expect(first.await.unwrap().unwrap(), StatusCode::OK).await;
}
