//! The use case of limits on this limiter: what a batch is charged, and by which limits.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::collections::HashMap;
use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryLimiter};
use activity_contract::make;
use activity_domain::activity::{Activity, Endpoint};
use activity_domain::client::{Client, ClientLimit, EndpointPrefix, RateLimit};
use activity_domain::id::KeyId;
use activity_domain::limit::{QuotaName, Window};
use activity_domain::service::{Caller, LimitPolicy, Limited, Limits, Spent};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

const PATHS: [&str; 6] = ["/", "/export", "/export/1", "/exports", "/a/b", "/a/b/c"];

fn limits() -> Limits {
    let clock = Arc::new(ManualClock::new(make::at("2026-03-10T10:00:00Z")));
    let limit = RateLimit::parse(1).unwrap();
    let policy = LimitPolicy {
        window: Window::HOUR,
        reads_per_minute: limit,
        registrations_per_hour: limit,
        failures_per_minute: limit,
    };
    Limits::new(Arc::new(MemoryLimiter::new(clock)), policy)
}

fn caller(rate_limit: i64, limits: Vec<ClientLimit>) -> Caller {
    let rate_limit = RateLimit::parse(rate_limit).unwrap();
    let client = Client { rate_limit, limits: make::limits(limits), ..make::client("CL-1") };
    Caller {
        client: Arc::new(client),
        key: KeyId::parse("key000000001").unwrap(),
        key_ends: None,
        request: None,
    }
}

fn calls(endpoints: &[&str]) -> Vec<Activity> {
    let call = |path: &&str| {
        let endpoint = Endpoint::parse(path).unwrap();
        Activity { endpoint, ..make::call("CL-1", 1, "2026-03-10T10:00:00Z") }
    };
    endpoints.iter().map(call).collect()
}

/// As a path is read: up to the end, or to a slash.
fn is_below(path: &str, prefix: &str) -> bool {
    path == prefix || prefix == "/" || path.starts_with(&format!("{prefix}/"))
}

fn run(property: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(property)
}

/// A limit of this number, on a path or everywhere.
fn some_limit(number: usize) -> impl Strategy<Value = ClientLimit> {
    let endpoint = prop::option::of(select(vec!["/", "/export", "/a", "/a/b"]));
    (1..40i64, 1..10_000i64, endpoint, any::<bool>()).prop_map(move |(limit, window, endpoint, shadow)| {
        ClientLimit { shadow, ..make::limit(&format!("limit-{number}"), limit, window, endpoint) }
    })
}

fn some_limits() -> impl Strategy<Value = Vec<ClientLimit>> {
    (0..8usize).prop_flat_map(|count| (0..count).map(some_limit).collect::<Vec<_>>())
}

/// What a batch costs one limit.
struct Charged {
    name: String,
    limit: u64,
    cost: u64,
    shadow: bool,
}

/// While the clock stands still, what was counted is all there is to know.
#[derive(Default)]
struct Counted(HashMap<String, u64>);

impl Counted {
    fn by(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn is_over(&self, cost: &Charged) -> bool {
        self.by(&cost.name) + cost.cost > cost.limit
    }

    /// Whether a batch was judged as its costs say, and what the answer says of limits.
    fn judge(&mut self, costs: &[Charged], answer: Result<Spent, Limited>) -> Result<(), TestCaseError> {
        let refuses = |cost: &&Charged| !cost.shadow && self.is_over(cost);
        match answer {
            Ok(spent) => {
                prop_assert!(!costs.iter().any(|cost| refuses(&cost)));
                let reported: Vec<&str> = spent.would_refuse.iter().map(QuotaName::as_str).collect();
                let over = costs.iter().filter(|cost| cost.shadow && self.is_over(cost));
                prop_assert_eq!(&reported, &over.map(|cost| &*cost.name).collect::<Vec<_>>());
                for cost in costs.iter().filter(|cost| !reported.contains(&&*cost.name)) {
                    *self.0.entry(cost.name.clone()).or_default() += cost.cost;
                }
                let states = spent.states.iter().map(|s| (s.quota.name.as_str(), u64::from(s.remaining)));
                let real = costs.iter().filter(|cost| !cost.shadow);
                let real = real.map(|cost| (&*cost.name, cost.limit - self.by(&cost.name)));
                prop_assert_eq!(states.collect::<Vec<_>>(), real.collect::<Vec<_>>());
            }
            Err(Limited::Later { by, .. }) => {
                prop_assert!(costs.iter().filter(refuses).any(|cost| cost.name == by.as_str()));
            }
            Err(Limited::Never(quota)) => {
                let never = costs.iter().find(|cost| !cost.shadow && cost.cost > cost.limit);
                prop_assert_eq!(never.map(|cost| &*cost.name), Some(quota.name.as_str()));
            }
        }
        Ok(())
    }
}

/// What a batch costs those limits that it touches.
fn costs(rate_limit: i64, own: &[ClientLimit], batch: &[&str]) -> Vec<Charged> {
    let hits = |limit: &ClientLimit| {
        let prefix = limit.endpoint.as_ref().map(EndpointPrefix::as_str);
        batch.iter().filter(|path| prefix.is_none_or(|prefix| is_below(path, prefix))).count()
    };
    let limit = rate_limit.unsigned_abs();
    let default = Charged { name: "default".to_owned(), limit, cost: batch.len() as u64, shadow: false };
    let own = own.iter().map(|limit| Charged {
        name: limit.name.as_str().to_owned(),
        limit: limit.limit.get().into(),
        cost: hits(limit) as u64,
        shadow: limit.shadow,
    });
    std::iter::once(default).chain(own).filter(|cost| cost.cost > 0).collect()
}

proptest! {
    /// A plain count says what becomes of every batch, which limits it is charged for, and what the shadow
    /// ones report; and where all of them stand afterwards.
    #[test]
    fn a_batch_is_charged_as_a_plain_count_says(
        rate_limit in 1..60i64,
        own in some_limits(),
        batches in prop::collection::vec(prop::collection::vec(select(PATHS.to_vec()), 0..9), 1..30),
    ) {
        run(async {
            let (limits, caller) = (limits(), caller(rate_limit, own.clone()));
            let mut counted = Counted::default();
            for batch in batches {
                let answer = limits.record(&caller, &calls(&batch)).await;
                counted.judge(&costs(rate_limit, &own, &batch), answer)?;
                let states = limits.state(&caller.client).await.unwrap();
                let names = states.iter().map(|state| state.quota.name.as_str());
                let expected = std::iter::once("default").chain(own.iter().map(|limit| limit.name.as_str()));
                prop_assert_eq!(names.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
                for state in states {
                    let (limit, name) = (u64::from(state.quota.limit.get()), state.quota.name.as_str());
                    prop_assert_eq!(u64::from(state.remaining), limit - counted.by(name), "{}", name);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_changed_limit_acts_at_once() {
    let limits = limits();
    let with =
        |rate_limit, export| caller(rate_limit, vec![make::limit("export", export, 86_400, Some("/export"))]);
    let record =
        async |caller: &Caller, endpoints: &[&str]| match limits.record(caller, &calls(endpoints)).await {
            Ok(_) => "",
            Err(Limited::Later { by, .. }) if by.as_str() == "export" => "export",
            Err(Limited::Later { .. }) => "default",
            Err(Limited::Never(_)) => "never",
        };
    assert_eq!(record(&with(10, 5), &["/export"; 4]).await, "");
    assert_eq!(record(&with(10, 4), &["/export"]).await, "export");
    assert_eq!(record(&with(10, 2), &["/x"]).await, "");
    assert_eq!(record(&with(5, 5), &["/export"]).await, "default");
    assert_eq!(record(&with(6, 5), &["/export"]).await, "");
    assert_eq!(record(&with(6, 5), &["/export"; 6]).await, "never");
    let states = limits.state(&with(3, 3).client).await.unwrap();
    assert_eq!(states.iter().map(|state| state.remaining).collect::<Vec<_>>(), [0, 0]);
}
