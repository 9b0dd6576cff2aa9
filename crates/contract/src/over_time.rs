//! Laws of `UsageRepo` about series and endpoints, by property: after any history, any answer equals a plain
//! recount.

#![expect(clippy::unused_async, reason = "laws are called alike; some wait inside the property")]

use std::collections::{BTreeMap, BTreeSet};

use activity_domain::activity::{Activity, Endpoint};
use activity_domain::port::Read;
use activity_domain::sketch::Quantiles;
use activity_domain::span::Span;
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{
    Bucket, BucketError, Buckets, EndpointSort, EndpointsQuery, GroupBy, MAX_GROUPS, Series, SeriesQuery,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::history::{CLIENTS, World, moment, steps};
use crate::property::check;
use crate::recount::{self, Counted};
use crate::recounted::{ZONES, same_counts, same_quantiles};
use crate::{Harness, ask, make};

const GROUPS: [GroupBy; 5] =
    [GroupBy::None, GroupBy::Status, GroupBy::Endpoint, GroupBy::Method, GroupBy::Client];

/// A question about a range around an instant.
#[derive(Debug, Clone)]
struct SeriesAsk {
    zone: &'static str,
    bucket: &'static str,
    group: GroupBy,
    from: Timestamp,
    minutes: i64,
    client: Option<&'static str>,
}

fn client() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![1 => Just(None), 1 => select(CLIENTS.to_vec()).prop_map(Some)]
}

fn series_ask() -> impl Strategy<Value = SeriesAsk> {
    let length = prop_oneof![1i64..30, 30i64..5_000, 5_000i64..50_000];
    let bucket = select(vec!["1m", "5m", "15m", "1h", "1d"]);
    (select(ZONES.to_vec()), bucket, select(GROUPS.to_vec()), moment(), length, client()).prop_map(
        |(zone, bucket, group, from, minutes, client)| SeriesAsk {
            zone,
            bucket,
            group,
            from,
            minutes,
            // One client is not told apart from itself.
            client: client.filter(|_| group != GroupBy::Client),
        },
    )
}

impl SeriesAsk {
    fn to(&self) -> Timestamp {
        self.from.plus_seconds(60 * self.minutes)
    }

    fn buckets(&self, now: Timestamp) -> Result<Buckets, BucketError> {
        let bucket = Bucket::parse(self.bucket).expect("a bucket");
        let zone = Zone::parse(self.zone).expect("a zone");
        Buckets::around((self.from, self.to()), bucket, &zone, self.group, now)
    }

    async fn check(&self, world: &World) -> Result<(), TestCaseError> {
        // What is not kept so finely is refused before any store is asked.
        let Ok(buckets) = self.buckets(world.now) else { return Ok(()) };
        self.check_range(&buckets)?;
        let client = self.client.map(make::client_id);
        let query = SeriesQuery { buckets: buckets.clone(), client, group: self.group };
        let found = world.stores.usage.series(&query, Read::Latest).await.expect("series");
        let expected = self.recount(world, &buckets);
        let names = |groups: Vec<Option<String>>| groups.into_iter().collect::<BTreeSet<_>>();
        let found_names = names(found.iter().map(|series| series.group.clone()).collect());
        prop_assert_eq!(found.len(), found_names.len(), "a group stands twice");
        if self.group == GroupBy::None {
            prop_assert_eq!(found.len(), 1);
        } else {
            prop_assert_eq!(found_names, names(expected.keys().map(|(group, _)| group.clone()).collect()));
        }
        let order: Vec<_> =
            found.iter().map(|s| (std::cmp::Reverse(s.requests()), s.group.clone())).collect();
        let has_other = found.last().is_some_and(|series| series.group.as_deref() == Some("(other)"));
        let ranked = if has_other { &order[..order.len() - 1] } else { &order[..] };
        prop_assert!(ranked.is_sorted(), "{:?}", order);
        found.iter().try_for_each(|series| Self::same(series, &buckets, &expected))
    }

    /// The buckets are without gaps, and the first and the last are those that the range needs.
    fn check_range(&self, buckets: &Buckets) -> Result<(), TestCaseError> {
        let starts: Vec<i64> = buckets.iter().map(|span| span.from.0).collect();
        let last = Timestamp::from_micros(self.to().as_micros() - 1).expect("an instant");
        prop_assert_eq!(starts.first(), Some(&recount::bucket_of(self.from, self.bucket, self.zone)));
        prop_assert_eq!(starts.last(), Some(&recount::bucket_of(last, self.bucket, self.zone)));
        prop_assert!(starts.is_sorted() && starts.len() == buckets.len());
        Ok(())
    }

    fn recount(&self, world: &World, buckets: &Buckets) -> BTreeMap<(Option<String>, i64), Counted> {
        let span = buckets.span();
        recount::by(&world.rows, |row| {
            if !span.contains(row.at.minute()) || self.client.is_some_and(|only| only != row.client.as_str())
            {
                return None;
            }
            let group = match self.group {
                GroupBy::None => None,
                GroupBy::Status => Some(recount::status_class(row)),
                GroupBy::Endpoint => Some(recount::template(row)),
                GroupBy::Method => Some(recount::method(row).to_owned()),
                GroupBy::Client => Some(row.client.to_string()),
            };
            Some((group, recount::bucket_of(row.at, self.bucket, self.zone)))
        })
    }

    fn same(
        series: &Series,
        buckets: &Buckets,
        expected: &BTreeMap<(Option<String>, i64), Counted>,
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(series.points.len(), buckets.len());
        let nothing = Counted::default();
        for (span, point) in buckets.iter().zip(&series.points) {
            let counted = expected.get(&(series.group.clone(), span.from.0)).unwrap_or(&nothing);
            let what = format!("{:?} from minute {}", series.group, span.from.0);
            same_counts(point, counted, &what)?;
            same_quantiles(point.quantiles, counted, &what)?;
            prop_assert_eq!(point.last_seen, None);
        }
        Ok(())
    }
}

/// Buckets of any length, by the clock of any zone, told apart by anything, over any history: counts to the
/// unit, percentiles within 1 %.
pub async fn series_equal_a_recount(harness: &dyn Harness) {
    let asks = prop::collection::vec(series_ask(), 1..6);
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

/// Endpoints of the range that an answer states: hours within the last eight days, days of UTC before.
pub async fn endpoints_equal_a_recount(harness: &dyn Harness) {
    let sort = select(vec![EndpointSort::Requests, EndpointSort::Errors, EndpointSort::P95]);
    let asks = prop::collection::vec((moment(), moment(), client(), sort, 1usize..20), 1..5);
    check(&(steps(), asks), async |(steps, asks)| {
        let mut world = World::fresh(harness).await;
        for step in &steps {
            world.play(step).await?;
            for (a, b, client, sort, limit) in &asks {
                check_endpoints(&world, (*a.min(b), *a.max(b)), *client, *sort, *limit).await?;
            }
        }
        Ok(())
    });
}

async fn check_endpoints(
    world: &World,
    (from, to): (Timestamp, Timestamp),
    client: Option<&str>,
    sort: EndpointSort,
    limit: usize,
) -> Result<(), TestCaseError> {
    let span = Span::around_hours(from, to, world.now);
    let query = EndpointsQuery { span, client: client.map(make::client_id), sort, limit };
    let rows = world.stores.usage.endpoints(&query, Read::Latest).await.expect("endpoints");
    let expected = recount::by(&world.rows, |row| {
        let is_asked_for = client.is_none_or(|only| only == row.client.as_str());
        let is_inside = span.contains(row.at.minute());
        (is_asked_for && is_inside).then(|| (recount::template(row), recount::method(row)))
    });
    prop_assert_eq!(rows.len(), expected.len().min(limit));
    for row in &rows {
        let counted = expected.get(&(row.endpoint.clone(), row.verb.as_str()));
        prop_assert!(counted.is_some(), "{} {:?} was never called", row.endpoint, row.verb);
        let counted = counted.cloned().unwrap_or_default();
        same_counts(&row.summary, &counted, &row.endpoint)?;
        same_quantiles(row.summary.quantiles, &counted, &row.endpoint)?;
    }
    let weight = |requests: u64, errors: u64, p95: Option<f64>| match sort {
        EndpointSort::Requests => requests as f64,
        EndpointSort::Errors => errors as f64,
        EndpointSort::P95 => p95.unwrap_or(-1.0),
    };
    let weights: Vec<f64> = rows
        .iter()
        .map(|row| {
            weight(row.summary.requests, row.summary.errors, row.summary.quantiles.map(Quantiles::p95))
        })
        .collect();
    prop_assert!(weights.is_sorted_by(|a, b| a >= b), "{:?}", weights);
    // Nothing that was left out comes before what is there; a percentile is known within 1 %.
    let least = weights.last().copied().unwrap_or(f64::MAX);
    let shown: BTreeSet<_> = rows.iter().map(|row| (row.endpoint.clone(), row.verb.as_str())).collect();
    for (_, counted) in expected.iter().filter(|(key, _)| !shown.contains(key)) {
        let exact = weight(counted.requests, counted.errors, counted.percentile(95).map(|p| p as f64));
        prop_assert!(
            rows.len() == limit && exact <= least.max(least * 1.021),
            "{} is left out, {} is not",
            exact,
            least
        );
    }
    Ok(())
}

/// Beyond so many groups the rest is one, whose points are the sum of theirs, and last.
pub async fn what_is_beyond_the_busiest_is_one_series(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let mut rows = Vec::new();
    for n in 0..60u32 {
        // The first has most calls; the last twelve have one each, timed and failed.
        for call in 0..60 - n.min(59) {
            let id = u128::from(n * 1_000 + call);
            let plain = make::call(&format!("CL-{n:02}"), id, "2026-03-10T10:00:00Z");
            let endpoint = Endpoint::parse(&format!("/a{n:02}")).expect("a path");
            rows.push(make::answered(Activity { endpoint, ..plain }, 500, Some(u64::from(n) * 1_000)));
        }
    }
    let total = rows.len() as u64;
    ask::store(&stores, &make::batch(make::stream(1), 0, rows.clone())).await;
    for _ in 0..2 {
        for (group, name) in [(GroupBy::Client, "CL-"), (GroupBy::Endpoint, "/a")] {
            let range = (make::at("2026-03-10T09:00:00Z"), make::at("2026-03-10T11:00:00Z"));
            let buckets =
                Buckets::around(range, Bucket::Hour, &Zone::utc(), group, ask::now()).expect("buckets");
            let query = SeriesQuery { buckets, client: None, group };
            let series = stores.usage.series(&query, Read::Latest).await.expect("series");
            assert_eq!(series.len(), MAX_GROUPS);
            let names: Vec<_> = series.iter().map(|series| series.group.clone().expect("a group")).collect();
            let busiest = (0..MAX_GROUPS - 1).map(|n| format!("{name}{n:02}"));
            assert!(names.iter().zip(busiest).all(|(found, expected)| *found == expected), "{names:?}");
            assert_eq!(names.last().map(String::as_str), Some("(other)"));
            let others: Vec<Activity> =
                rows.iter().filter(|row| row.client.as_str() >= "CL-49").cloned().collect();
            let counted = recount::by(&others, |_| Some(())).remove(&()).unwrap_or_default();
            let other = &series[MAX_GROUPS - 1].points[1];
            same_counts(other, &counted, name).expect("the same counts");
            same_quantiles(other.quantiles, &counted, name).expect("the same distribution");
            assert_eq!(series.iter().map(Series::requests).sum::<u64>(), total);
        }
        ask::compact(&stores, ask::now()).await;
    }
}
