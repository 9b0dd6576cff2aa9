//! Laws of `UsageRepo` about single activities.

#![expect(clippy::unused_async, reason = "laws are called alike; some wait inside the property")]

use std::collections::BTreeSet;

use activity_domain::activity::{Activity, Method, Status};
use activity_domain::audit::Sealed;
use activity_domain::hygiene::StatusClass;
use activity_domain::port::Read;
use activity_domain::time::Timestamp;
use activity_domain::usage::{
    EndpointFilter, LogFilter, LogPage, LogQuery, MAX_PAGE, MAX_TRAILS, StatusFilter,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::history::{CLIENTS, World, moment, steps};
use crate::property::check;
use crate::{Harness, Stores, ask, make, recount};

/// A question, short enough to be read in a failure.
#[derive(Debug, Clone)]
struct LogAsk {
    from: Timestamp,
    to: Timestamp,
    client: Option<&'static str>,
    endpoint: Option<&'static str>,
    method: Option<&'static str>,
    status: Option<&'static str>,
    limit: usize,
}

fn log_ask() -> impl Strategy<Value = LogAsk> {
    let one_of = |values: Vec<&'static str>| prop_oneof![2 => Just(None), 1 => select(values).prop_map(Some)];
    let always = (Timestamp::EPOCH, make::at(make::LATEST));
    let range = (moment(), moment()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let range = prop_oneof![1 => Just(always), 2 => range];
    let endpoint = one_of(vec!["/things", "/things/1", "/things/{id}", "/nowhere"]);
    let status = one_of(vec!["200", "4xx", "5xx", "404", "unknown"]);
    (range, one_of(CLIENTS.to_vec()), endpoint, one_of(vec!["GET", "BREW"]), status, 1usize..5).prop_map(
        |((from, to), client, endpoint, method, status, limit)| LogAsk {
            from,
            to,
            client,
            endpoint,
            method,
            status,
            limit,
        },
    )
}

impl LogAsk {
    fn query(&self) -> LogQuery {
        let filter = LogFilter {
            endpoint: self.endpoint.map(|text| EndpointFilter::parse(text).expect("an endpoint")),
            method: self.method.map(|text| Method::parse(text).expect("a method")),
            status: self.status.map(|text| StatusFilter::parse(text).expect("a status")),
        };
        let client = self.client.map(make::client_id);
        LogQuery {
            from: self.from,
            to: self.to,
            client,
            filter,
            with_audit: true,
            limit: self.limit,
            after: None,
        }
    }

    /// The same question, answered from the list.
    fn matches(&self, row: &Activity) -> bool {
        let endpoint = |wanted: &str| match wanted {
            "/things/{id}" => ["/things/1", "/things/2"].contains(&row.endpoint.as_str()),
            path => path == row.endpoint.as_str(),
        };
        let code = row.status.code().map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        let status = |wanted: &str| code == wanted || recount::status_class(row) == wanted;
        self.from <= row.at
            && row.at < self.to
            && self.client.is_none_or(|client| client == row.client.as_str())
            && self.endpoint.is_none_or(endpoint)
            && self.method.is_none_or(|method| method == row.method.as_str())
            && self.status.is_none_or(status)
    }

    async fn check(&self, world: &World) -> Result<(), TestCaseError> {
        let rows = all(&world.stores, self.query()).await;
        prop_assert!(rows.is_sorted_by(|a, b| a.at >= b.at), "newest first");
        let key = |row: &Activity| (row.client.clone(), row.at, row.id);
        let found: BTreeSet<_> = rows.iter().map(key).collect();
        prop_assert_eq!(found.len(), rows.len(), "a row comes twice");
        let wanted: Vec<&Activity> = world.rows.iter().filter(|row| self.matches(row)).collect();
        prop_assert_eq!(found, wanted.iter().map(|row| key(row)).collect::<BTreeSet<_>>());
        for row in wanted {
            prop_assert!(rows.contains(row), "{:?} comes back changed", row);
        }
        Ok(())
    }
}

/// All rows, page by page.
async fn all(stores: &Stores, mut query: LogQuery) -> Vec<Activity> {
    let mut rows = Vec::new();
    for _ in 0..10_000 {
        let page = stores.usage.activities(&query, Read::Latest).await.expect("activities");
        assert!(page.rows.len() <= query.limit, "a page is longer than its limit");
        rows.extend(page.rows);
        let Some(next) = page.next else { return rows };
        query.after = Some(next);
    }
    panic!("the pages do not end");
}

fn everything(limit: usize) -> LogQuery {
    let (from, to) = (Timestamp::EPOCH, make::at(make::LATEST));
    LogQuery { from, to, client: None, filter: LogFilter::default(), with_audit: true, limit, after: None }
}

/// Pages of any length, put together, are what the list says, in whatever state of compaction.
pub async fn pages_join_to_the_rows(harness: &dyn Harness) {
    let asks = prop::collection::vec(log_ask(), 1..6);
    check(&(steps(), asks), async |(steps, asks)| {
        let mut world = World::fresh(harness).await;
        for step in &steps {
            world.play(step).await?;
            for ask in &asks {
                ask.check(&world).await?;
            }
        }
        Ok(())
    });
}

/// Every field comes back as it went in.
pub async fn rows_come_back_as_they_were(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let rows: Vec<Activity> = (1..)
        .zip(["1970-01-01T00:00:00Z", "2026-03-10T12:00:00.000001Z", "9999-12-30T21:59:59Z"])
        .flat_map(|(id, time)| {
            let plain = make::call("CL-1", id, time);
            [make::longest(plain.clone()), make::strangest(plain.clone()), plain]
        })
        .collect();
    ask::store(&stores, &make::batch(make::stream(1), 0, rows.clone())).await;
    for _ in 0..2 {
        let found = all(&stores, everything(2)).await;
        assert_eq!(found.len(), rows.len());
        for row in &rows {
            assert!(found.contains(row), "{row:?} is not among {found:#?}");
        }
        ask::compact(&stores, ask::now()).await;
    }
    let without = all(&stores, LogQuery { with_audit: false, ..everything(2) }).await;
    assert!(without.iter().all(|row| row.audit.is_none()), "trails come only where they are asked for");
}

/// One client's rows are found among many of others.
pub async fn a_client_is_found_among_many(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let start = make::at("2026-03-01T00:00:00Z");
    let row = |n: u32| {
        let client = if n % 500 == 7 { "CL-rare" } else { "CL-many" };
        let call = make::call(client, n.into(), "2026-03-01T00:00:00Z");
        let status = if n % 1_000 == 7 { 500 } else { 200 };
        make::answered(Activity { at: start.plus_seconds(i64::from(n) * 60), ..call }, status, None)
    };
    let rows: Vec<Activity> = (0..6_000).map(row).collect();
    ask::store(&stores, &make::batch(make::stream(1), 0, rows[..5_000].to_vec())).await;
    ask::compact(&stores, ask::now()).await;
    // The rest waits to be compacted.
    ask::store(&stores, &make::batch(make::stream(1), 5_000, rows[5_000..].to_vec())).await;
    let rare = LogQuery { client: Some(make::client_id("CL-rare")), ..everything(MAX_PAGE) };
    let first: LogPage = stores.usage.activities(&rare, Read::Latest).await.expect("activities");
    assert_eq!((first.rows.len(), first.next), (12, None), "one page has them all");
    let failed = StatusFilter::Class(StatusClass::of(Status::parse(500).expect("a status")));
    let filter = LogFilter { status: Some(failed), ..LogFilter::default() };
    let failed = all(&stores, LogQuery { filter, ..everything(2) }).await;
    assert_eq!(failed.len(), 6);
}

/// A page with long trails ends early, behind the row that fills it, and the next one goes on from there.
pub async fn a_page_is_bounded_in_bytes_of_trails(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let most = MAX_TRAILS.div_ceil(Sealed::MAX);
    let (rows, limit) = (2 * most + 1, MAX_PAGE);
    let trail = Sealed::parse(vec![7; Sealed::MAX]).expect("sealed bytes");
    let start = make::at("2026-03-01T00:00:00Z");
    let row = |n: u32| {
        let call = make::call("CL-1", n.into(), "2026-03-01T00:00:00Z");
        Activity { at: start.plus_seconds(n.into()), audit: Some(trail.clone()), ..call }
    };
    let rows: Vec<Activity> = (0..).map(row).take(rows).collect();
    ask::store(&stores, &make::batch(make::stream(1), 0, rows.clone())).await;
    let page =
        async |query: &LogQuery| stores.usage.activities(query, Read::Latest).await.expect("activities");
    assert_eq!(page(&everything(limit)).await.rows.len(), most);
    let found = all(&stores, everything(limit)).await;
    assert!(found.iter().eq(rows.iter().rev()), "the pages join to the rows");
    let plain = page(&LogQuery { with_audit: false, ..everything(limit) }).await;
    assert_eq!((plain.rows.len(), plain.next), (rows.len(), None), "without trails all are one page");
}
