//! Laws of `UsageRepo` about how many endpoints are counted by name. The stores have to be set up with
//! [`DEFAULT_MAX_ENDPOINTS`] for each client and day.

use std::collections::BTreeMap;

use activity_domain::activity::{Activity, Endpoint};
use activity_domain::hygiene::{DEFAULT_MAX_ENDPOINTS, EVERYBODY_FACTOR, OTHER};
use activity_domain::port::Read;
use activity_domain::span::Span;
use activity_domain::usage::{EndpointRow, EndpointSort, EndpointsQuery, MAX_PAGE};

use crate::{Harness, Stores, ask, make};

const MORNING: &str = "2026-03-10T08:00:00Z";
const EVENING: &str = "2026-03-10T20:00:00Z";

fn call(client: &str, id: usize, time: &str, path: &str) -> Activity {
    let endpoint = Endpoint::parse(path).expect("a path");
    Activity { endpoint, ..make::call(client, id as u128, time) }
}

/// Calls of as many different paths, none of which looks like an id.
fn paths(client: &str, range: std::ops::Range<usize>, time: &str) -> Vec<Activity> {
    let letters: Vec<char> = ('g'..='z').collect();
    let name = |mut n: usize| {
        let mut name = String::new();
        for _ in 0..4 {
            name.push(letters[n % 20]);
            n /= 20;
        }
        name
    };
    range.map(|n| call(client, n, time, &format!("/{client}/{}", name(n)))).collect()
}

async fn endpoints(stores: &Stores, client: Option<&str>) -> BTreeMap<String, u64> {
    let day =
        Span::around_hours(make::at("2026-03-10T00:00:00Z"), make::at("2026-03-11T00:00:00Z"), ask::now());
    let client = client.map(make::client_id);
    let query = EndpointsQuery { span: day, client, sort: EndpointSort::Requests, limit: 10 * MAX_PAGE };
    let rows: Vec<EndpointRow> = stores.usage.endpoints(&query, Read::Latest).await.expect("endpoints");
    rows.into_iter().map(|row| (row.endpoint, row.summary.requests)).collect()
}

/// The same before and after compaction, which must not differ.
async fn settled(stores: &Stores, client: Option<&str>) -> BTreeMap<String, u64> {
    let before = endpoints(stores, client).await;
    ask::compact(stores, ask::now()).await;
    assert_eq!(endpoints(stores, client).await, before, "compacting changed an answer");
    before
}

/// The first so many paths of a client's day are counted by name, the rest as others; all are counted.
pub async fn so_many_endpoints_have_a_name_and_the_rest_counts(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let first = paths("CL-1", 0..DEFAULT_MAX_ENDPOINTS + 100, MORNING);
    ask::store(&stores, &make::batch(make::stream(1), 0, first.clone())).await;
    let counted = settled(&stores, Some("CL-1")).await;
    assert_eq!(counted.len(), DEFAULT_MAX_ENDPOINTS + 1);
    assert_eq!(counted.get(OTHER), Some(&100));
    assert_eq!(counted.values().sum::<u64>(), first.len() as u64);

    // What has a name keeps it for the day; what is new has none, whatever was compacted in between.
    let named = first.iter().find(|row| counted.contains_key(row.endpoint.as_str())).expect("a named one");
    let more = [
        paths("CL-1", 2_000..2_010, EVENING),
        vec![call("CL-1", 5_000, EVENING, named.endpoint.as_str())],
        paths("CL-2", 3_000..3_003, EVENING),
    ]
    .concat();
    ask::store(&stores, &make::batch(make::stream(1), first.len() as u64, more)).await;
    let counted = settled(&stores, Some("CL-1")).await;
    assert_eq!(counted.get(OTHER), Some(&110));
    assert_eq!(counted.get(named.endpoint.as_str()), Some(&2));
    assert_eq!(settled(&stores, Some("CL-2")).await.len(), 3, "another client has names of its own");
}

/// Neither a single client nor all together can make endless names.
pub async fn everybody_has_a_bounded_number_of_endpoints(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let (each, clients) = (DEFAULT_MAX_ENDPOINTS + 50, EVERYBODY_FACTOR + 2);
    let mut next = 0;
    for n in 0..clients {
        let rows = paths(&format!("CL-{n}"), 0..each, MORNING);
        ask::store(&stores, &make::batch(make::stream(1), next, rows)).await;
        next += each as u64;
        if n == 0 {
            let counted = settled(&stores, None).await;
            assert_eq!(counted.len(), DEFAULT_MAX_ENDPOINTS + 1, "one client uses up its own names only");
        }
    }
    let counted = settled(&stores, None).await;
    assert_eq!(counted.len(), EVERYBODY_FACTOR * DEFAULT_MAX_ENDPOINTS + 1);
    assert_eq!(counted.values().sum::<u64>(), (clients * each) as u64);
}
