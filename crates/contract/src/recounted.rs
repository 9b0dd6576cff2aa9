//! Laws of `UsageRepo`, by property: after any history, any answer equals a plain recount.

#![expect(clippy::unused_async, reason = "laws are called alike; these wait inside the property")]

use activity_domain::client::ClientName;
use activity_domain::id::ClientId;
use activity_domain::port::Read;
use activity_domain::rollup::Summary;
use activity_domain::sketch::{Quantiles, RELATIVE_ERROR};
use activity_domain::span::Span;
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{DailyQuery, DailyRow, Days, MAX_PAGE, TopQuery};
use jiff::ToSpan;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::history::{CLIENTS, World, moment, steps};
use crate::property::check;
use crate::recount::{self, Counted};
use crate::{Harness, ask, make};

pub(crate) const ZONES: [&str; 6] =
    ["UTC", "Asia/Kathmandu", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"];

/// A question about days around an instant.
#[derive(Debug, Clone)]
struct DailyAsk {
    zone: &'static str,
    around: Timestamp,
    before: i64,
    after: i64,
    client: Option<&'static str>,
}

fn daily_ask() -> impl Strategy<Value = DailyAsk> {
    let client = prop_oneof![2 => Just(None), 1 => select(CLIENTS.to_vec()).prop_map(Some)];
    (select(ZONES.to_vec()), moment(), 0i64..30, 0i64..30, client)
        .prop_map(|(zone, around, before, after, client)| DailyAsk { zone, around, before, after, client })
}

impl DailyAsk {
    fn query(&self, limit: usize) -> DailyQuery {
        let zone = Zone::parse(self.zone).expect("a zone");
        let middle = zone.date_of(self.around);
        let (from, to) =
            (middle.saturating_sub(self.before.days()), middle.saturating_add(self.after.days()));
        let days = Days::between(from, to).expect("days in order");
        DailyQuery { days, zone, client: self.client.map(make::client_id), limit, after: None }
    }

    async fn check(&self, world: &World, limit: usize) -> Result<(), TestCaseError> {
        let query = self.query(limit);
        let mut expected = recount::daily(&world.rows, self.zone, query.days.from(), query.days.to());
        expected.retain(|(_, client, _)| self.client.is_none_or(|only| only == client.as_str()));
        let rows = ask::daily(&world.stores, query).await;
        let key = |row: &DailyRow| (row.date, row.client.clone(), row.summary.requests);
        let found: Vec<_> = rows.iter().map(key).collect();
        let wanted: Vec<_> =
            expected.iter().map(|(d, c, counted)| (*d, c.clone(), counted.requests)).collect();
        prop_assert_eq!(found, wanted, "days, clients and requests of {:?}", self);
        for (row, (date, client, counted)) in rows.iter().zip(&expected) {
            same_counts(&row.summary, counted, &format!("{client} on {date}"))?;
            same_quantiles(row.summary.quantiles, counted, &format!("{client} on {date}"))?;
        }
        Ok(())
    }
}

pub(crate) fn same_counts(summary: &Summary, counted: &Counted, what: &str) -> Result<(), TestCaseError> {
    let found = (summary.requests, summary.errors, summary.timed, summary.micros);
    let timed = counted.took.len() as u64;
    let expected = (counted.requests, counted.errors, timed, counted.took.iter().sum());
    prop_assert_eq!(found, expected, "requests, errors, timed and microseconds of {}", what);
    Ok(())
}

pub(crate) fn same_quantiles(
    quantiles: Option<Quantiles>,
    counted: &Counted,
    what: &str,
) -> Result<(), TestCaseError> {
    let found = |which: fn(Quantiles) -> f64| quantiles.map(which);
    for (percent, found) in
        [(50, found(Quantiles::p50)), (95, found(Quantiles::p95)), (99, found(Quantiles::p99))]
    {
        let exact = counted.percentile(percent);
        prop_assert_eq!(found.is_some(), exact.is_some(), "p{} of {}", percent, what);
        let (found, exact) = (found.unwrap_or(0.0), exact.unwrap_or(0) as f64);
        // The bound holds for real numbers; the last digit of a float is allowed on top.
        let close = (found - exact).abs() <= exact * RELATIVE_ERROR * 1.000_001;
        prop_assert!(close, "p{} of {} is {}, not {} within 1 %", percent, what, found, exact);
    }
    Ok(())
}

/// The days of any zone over any history: counts to the unit, percentiles within 1 %.
pub async fn daily_equals_a_recount(harness: &dyn Harness) {
    let asks = prop::collection::vec(daily_ask(), 1..4);
    check(&(steps(), asks), async |(steps, asks)| {
        let mut world = World::fresh(harness).await;
        for step in &steps {
            world.play(step).await?;
            for ask in &asks {
                ask.check(&world, MAX_PAGE).await?;
            }
        }
        Ok(())
    });
}

/// Pages of any length, put together, are what one page would have been.
pub async fn daily_pages_join_to_the_recount(harness: &dyn Harness) {
    check(&(steps(), daily_ask(), 1usize..6), async |(steps, ask, limit)| {
        let mut world = World::fresh(harness).await;
        for step in &steps {
            world.play(step).await?;
        }
        ask.check(&world, limit).await
    });
}

/// The top of the span that an answer states: minutes within the last eight days, quarter hours before.
pub async fn top_equals_a_recount(harness: &dyn Harness) {
    let asks = prop::collection::vec((moment(), moment(), 1usize..6), 1..4);
    check(&(steps(), asks), async |(steps, asks)| {
        let mut world = World::fresh(harness).await;
        for step in &steps {
            world.play(step).await?;
            for (a, b, limit) in &asks {
                check_top(&world, *a.min(b), *a.max(b), *limit).await?;
            }
        }
        Ok(())
    });
}

async fn check_top(world: &World, from: Timestamp, to: Timestamp, limit: usize) -> Result<(), TestCaseError> {
    let span = Span::around(from, to, world.now);
    let mut expected = recount::top(&world.rows, span.from.0, span.to.0);
    expected.truncate(limit);
    let rows = world.stores.usage.top(&TopQuery { span, limit }, Read::Latest).await.expect("top");
    let found: Vec<_> = rows.iter().map(|row| (&row.client, &row.name, row.summary.requests)).collect();
    let names: Vec<ClientName> = expected.iter().map(|(client, _)| name_of(client)).collect();
    let wanted: Vec<_> = expected
        .iter()
        .zip(&names)
        .map(|((client, counted), name)| (client, name, counted.requests))
        .collect();
    prop_assert_eq!(found, wanted, "clients, names and requests from {} to {}", from, to);
    for (row, (client, counted)) in rows.iter().zip(&expected) {
        same_counts(&row.summary, counted, client.as_str())?;
        prop_assert_eq!(row.summary.last_seen, counted.last_seen, "last seen of {}", client);
    }
    Ok(())
}

/// As histories register clients: all but the last.
fn name_of(id: &ClientId) -> ClientName {
    let is_known = CLIENTS[..3].contains(&id.as_str());
    if is_known { make::client(id.as_str()).name } else { ClientName::parse(id.as_str()).expect("a name") }
}
